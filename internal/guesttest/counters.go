package guesttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kvmDebug has one file for each of KVM's counters, summed over all machines.
const kvmDebug = "/sys/kernel/debug/kvm"

// KVMCounters renders KVM's counters that are not zero, for the report of a
// guest that hangs. Where they cannot be read it says why.
func KVMCounters() string {
	files, err := filepath.Glob(kvmDebug + "/*")
	if err != nil || len(files) == 0 {
		return fmt.Sprintf("no counters in %s: is debugfs mounted, and is this root?", kvmDebug)
	}
	var b strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if value := strings.TrimSpace(string(text)); err == nil && value != "" && value != "0" {
			fmt.Fprintf(&b, "%s=%s\n", filepath.Base(f), value)
		}
	}
	return b.String()
}
