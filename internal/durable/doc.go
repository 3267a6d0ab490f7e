// Package durable writes files and directories that are either wholly there
// after a crash or not at all: a temporary name in the same directory, fsync,
// rename, fsync of the directory.
package durable
