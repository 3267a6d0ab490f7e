// Command hull-agent is the first process of a guest (package agent/pid1): it
// runs what /etc/hull/agent.json names, or serves the agent's protocol in a lab
// host.
package main

import (
	"fmt"
	"os"

	"github.com/hullvm/hull/agent/pid1"
)

func main() {
	if err := pid1.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "hull-agent: %v\n", err)
		os.Exit(2)
	}
}
