// Package guesttest is what tests that run guests share: what they need, and
// what they report.
package guesttest

import (
	"os"
	"testing"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/kvm/ring0"
)

// RequireDevice skips a test where /dev/kvm cannot be opened, and fails it where
// KVM should have been there.
func RequireDevice(t testing.TB) {
	t.Helper()
	if why := deviceMissing(); why != "" {
		Missing(t, why)
	}
}

// RequireKVM is RequireDevice for tests that boot whole kernels: a KVM that
// emulates them instruction by instruction will not do.
func RequireKVM(t testing.TB) {
	t.Helper()
	if why := KVMMissing(); why != "" {
		Missing(t, why)
	}
}

func deviceMissing() string {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return "KVM: " + err.Error()
	}
	_ = f.Close()
	return ""
}

// KVMMissing says why this host cannot boot kernels; it is empty where it can.
func KVMMissing() string {
	if why := deviceMissing(); why != "" {
		return why
	}
	if ring0.Promised() {
		return ""
	}
	system, err := kvm.Open("/dev/kvm")
	if err != nil {
		return err.Error()
	}
	defer system.Close() // nothing was written through it
	result, err := ring0.Measure(system)
	switch {
	case err != nil:
		return err.Error()
	case !result.Able():
		return "a KVM that runs kernels: this one " + result.String()
	}
	return ""
}
