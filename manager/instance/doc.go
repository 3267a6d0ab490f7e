// Package instance has what is kept of an instance: its description, which is what
// was asked for, and its state, with the table of legal moves.
package instance
