package lab

import (
	"strings"
	"testing"
	"time"
)

func testSpec() Spec {
	return Spec{
		Name: "lab", Kernel: "/k/vmlinux", Initrd: "/k/initrd.cpio", Emulator: "/usr/bin/qemu-system-x86_64",
	}.withDefaults()
}

func TestSpecDefaultsAreValid(t *testing.T) {
	s := testSpec()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if s.Memory != DefaultMemory || s.Threads != DefaultThreads || s.Idle != DefaultIdle || s.CPUs < 1 {
		t.Errorf("defaults are %+v", s)
	}
}

func TestSpecValidateNamesTheField(t *testing.T) {
	tests := map[string]struct {
		change func(*Spec)
		want   string
	}{
		"empty name":        {func(s *Spec) { s.Name = "" }, "name"},
		"name with a slash": {func(s *Spec) { s.Name = "../x" }, "name"},
		"name with a dot":   {func(s *Spec) { s.Name = ".lock" }, "name"},
		"name like a flag":  {func(s *Spec) { s.Name = "-x" }, "name"},
		"long name":         {func(s *Spec) { s.Name = strings.Repeat("a", 33) }, "name"},
		"no CPUs":           {func(s *Spec) { s.CPUs = -1 }, "cpus"},
		"many CPUs":         {func(s *Spec) { s.CPUs = 65 }, "cpus"},
		"little memory":     {func(s *Spec) { s.Memory = 511 }, "memory"},
		"much memory":       {func(s *Spec) { s.Memory = 1<<20 + 1 }, "memory"},
		"odd threads":       {func(s *Spec) { s.Threads = "multi,x=1" }, "threads"},
		"negative time":     {func(s *Spec) { s.BootTime = -time.Second }, "boot time"},
		"relative kernel":   {func(s *Spec) { s.Kernel = "vmlinux" }, "kernel"},
		"no initrd":         {func(s *Spec) { s.Initrd = "" }, "initrd"},
		"relative emulator": {func(s *Spec) { s.Emulator = "qemu" }, "emulator"},
		"long cmdline":      {func(s *Spec) { s.Cmdline = strings.Repeat("a", 2048) }, "cmdline"},
		"network by a path": {func(s *Spec) { s.Network = "../x" }, "network"},
		"number of none":    {func(s *Spec) { s.Number = 1 }, "number"},
		"large number":      {func(s *Spec) { s.Network, s.Number = "x", 255 }, "number"},
		"cmdline of two":    {func(s *Spec) { s.Cmdline = "a\nb" }, "cmdline"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := testSpec()
			test.change(&s)
			err := s.Validate()
			if err == nil || !strings.Contains(err.Error(), ": "+test.want+": ") {
				t.Errorf("error %v, want one about %s", err, test.want)
			}
		})
	}
}
