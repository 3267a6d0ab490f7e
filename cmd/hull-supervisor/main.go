// Command hull-supervisor looks after one instance for as long as it runs: package
// manager/supervisor. hull starts it, and nobody else does.
package main

import (
	"os"

	"github.com/hullvm/hull/manager/launch"
)

func main() { os.Exit(launch.Main(os.Args[1:])) }
