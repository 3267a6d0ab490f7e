// Package commands tests hull's commands for instances as a user types them, on
// guests that run: the examples of the documents, and terminals.
package commands
