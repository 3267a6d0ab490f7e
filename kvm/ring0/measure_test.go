package ring0_test

import (
	"testing"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/kvm/ring0"
)

func TestMeasureHasAVerdict(t *testing.T) {
	guesttest.RequireDevice(t)
	system, err := kvm.Open("/dev/kvm")
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	r, err := ring0.Measure(system)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if ring0.Promised() && !r.Able() {
		t.Errorf("the processor has %s, and KVM %v", ring0.ProcessorFlag(), r)
	}
}
