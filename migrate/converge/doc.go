// Package converge decides when a machine that is being moved is held for the last
// time, from what each round of its memory was like: how long the guest would stand
// still, whether that is within what was allowed, whether it is to be slowed down, and
// when there is no hope. It does nothing else: no input, no output, no clock.
package converge
