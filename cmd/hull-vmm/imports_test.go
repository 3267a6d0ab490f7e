package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What a guest's escape would find in the process stays small: nothing that speaks
// to networks, starts processes, or is for people.
func TestTheMonitorStaysSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	forbidden := []string{
		"net/http", "crypto/tls", "os/exec", "text/template", "testing", "net/rpc",
		"github.com/spf13", "github.com/google", "github.com/vishvananda", "gvisor.dev", "github.com/u-root", "mvdan.cc",
		"github.com/hullvm/hull/guest", "github.com/hullvm/hull/lab", "github.com/hullvm/hull/manager",
		"github.com/hullvm/hull/netd", "github.com/hullvm/hull/fsd", "github.com/hullvm/hull/network", "github.com/hullvm/hull/agent",
		"github.com/hullvm/hull/peripherals/host", "github.com/hullvm/hull/monitor/spawn", "github.com/hullvm/hull/internal/terminal",
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("only %d packages are listed", len(deps))
	}
	for _, dep := range deps {
		for _, f := range forbidden {
			if dep == f || strings.HasPrefix(dep, f+"/") {
				t.Errorf("it imports %s", dep)
			}
		}
	}
}
