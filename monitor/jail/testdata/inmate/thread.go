package main

import "runtime"

// lockedThread has a thread that ends with it.
func lockedThread(begun chan<- struct{}, end <-chan struct{}) {
	runtime.LockOSThread()
	begun <- struct{}{}
	<-end
}
