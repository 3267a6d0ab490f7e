package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What stands between a guest and the host's network has nothing of the monitor
// in it, and no server of anything else.
func TestTheNetworkKnowsNoMachine(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	forbidden := []string{
		"net/http", "os/exec", "github.com/spf13/cobra",
		"github.com/hullvm/hull/vmm", "github.com/hullvm/hull/kvm", "github.com/hullvm/hull/mem",
		"github.com/hullvm/hull/guest", "github.com/hullvm/hull/configs", "github.com/hullvm/hull/devices",
		"github.com/hullvm/hull/agent", "github.com/hullvm/hull/lab",
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, f := range forbidden {
			if dep == f || strings.HasPrefix(dep, f+"/") {
				t.Errorf("it imports %s", dep)
			}
		}
	}
}
