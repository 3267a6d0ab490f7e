// Command hull boots and manages virtual machines under KVM.
package main

import (
	"context"
	"os"
	"time"
)

// started is taken before main, with the program's other variables.
var started = time.Now()

func main() {
	a := &app{
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Getenv:  os.Getenv,
		Started: started,
	}
	os.Exit(a.main(context.Background(), os.Args[1:]))
}
