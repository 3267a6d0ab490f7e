// Package terminal joins a person's terminal to a guest's serial console: raw
// mode that is undone on every way out, an escape key, and input that can be
// stopped.
package terminal
