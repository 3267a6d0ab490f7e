// Command hull boots and manages virtual machines under KVM.
package main

import (
	"context"
	"os"
)

func main() {
	a := &app{
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Getenv: os.Getenv,
	}
	os.Exit(a.main(context.Background(), os.Args[1:]))
}
