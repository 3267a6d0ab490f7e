// Package fsd is the file server of a guest's shared directory: it takes FUSE
// requests from a virtio-fs device over a socket (package internal/fswire) and
// hands them to a file system (package fsd/passthrough). The program around it is
// hull-fsd.
package fsd
