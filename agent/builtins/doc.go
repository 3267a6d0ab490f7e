// Package builtins is what an agent does for its client without a program: files
// in and out as tar archives, statistics, a list of processes, the clock, the
// host name (docs/agent-protocol.md, section 6).
package builtins
