package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What runs as PID 1 of every guest stays small, and has nothing of the monitor
// in it.
func TestTheAgentImportsLittle(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	forbidden := []string{
		"net/http", "github.com/spf13/cobra",
		"github.com/hullvm/hull/vmm", "github.com/hullvm/hull/kvm", "github.com/hullvm/hull/guest",
		"github.com/hullvm/hull/configs", "github.com/hullvm/hull/devices", "github.com/hullvm/hull/lab",
		"github.com/hullvm/hull/manager",
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, f := range forbidden {
			if dep == f || strings.HasPrefix(dep, f+"/") {
				t.Errorf("it imports %s", dep)
			}
		}
	}
}

// maxAgent is what the agent may weigh, in bytes, as it is shipped: it is read,
// unpacked and kept in memory at every guest's start. Raise it for a reason.
const maxAgent = 4 << 20

func TestTheAgentStaysSmall(t *testing.T) {
	program := filepath.Join(t.TempDir(), "hull-agent")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxAgent {
		t.Errorf("it has %d bytes, of which %d are allowed", info.Size(), maxAgent)
	}
}
