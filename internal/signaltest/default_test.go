package signaltest

import (
	"os/exec"
	"os/signal"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDefaultIsNotHandedOn(t *testing.T) {
	signal.Ignore(unix.SIGHUP)
	t.Cleanup(func() { signal.Reset(unix.SIGHUP) })
	ends := func() bool { return exec.Command("sh", "-c", "kill -HUP $$").Run() != nil }
	if ends() {
		t.Fatal("a program whose starter ignores SIGHUP was ended by it")
	}
	Default()
	if !ends() {
		t.Error("SIGHUP is still ignored")
	}
}
