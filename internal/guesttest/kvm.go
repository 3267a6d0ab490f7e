// Package guesttest is what tests that run guests share: what they need, and
// what they report.
package guesttest

import (
	"fmt"
	"os"
	"testing"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/kvm/ring0"
)

// RequireDevice skips a test where /dev/kvm cannot be opened, and fails it where
// KVM should have been there.
func RequireDevice(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		Missing(t, fmt.Sprintf("KVM: %v", err))
		return
	}
	_ = f.Close()
}

// RequireKVM is RequireDevice for tests that boot whole kernels: a KVM that
// emulates them instruction by instruction will not do.
func RequireKVM(t testing.TB) {
	t.Helper()
	RequireDevice(t)
	if ring0.Promised() {
		return
	}
	system, err := kvm.Open("/dev/kvm")
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	result, err := ring0.Measure(system)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Able() {
		Missing(t, "a KVM that runs kernels: this one "+result.String())
	}
}
