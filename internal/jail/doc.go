// Package jail has what programs that serve a guest confine themselves with: each
// function takes something from all threads of the process, for good. What is
// taken, and in which order, is for the program to say.
//
// The programs are built without cgo: with it, Go makes no system call in all
// threads.
package jail
