package main

import (
	"fmt"

	"github.com/hullvm/hull/bench/table"
)

// group is what figures are measured together.
type group string

const (
	start  group = "start"  // a process that comes to be, of each monitor
	memory group = "memory" // a machine that boots and then rests, of each monitor
	list   group = "list"   // instances that do not run, Hull's alone
	fleet  group = "fleet"  // many machines at once, Hull's alone
)

// groupNames are what failures are called.
var groupNames = map[group]string{start: "a start", memory: "a machine", list: "a list", fleet: "machines at once"}

type figure struct {
	id, name, unit string
	group          group
}

// figures are the lines of the table in their order. All are better when they are
// less.
func figures(o options) []figure {
	machine := fmt.Sprintf("%d vCPU, %d MiB", o.vcpus, o.memory)
	all := []figure{
		{"start-greeting", "from exec until its socket greets", "ms", start},
		{"start-wall", "from exec until it answers, its machine built", "ms", start},
		{"start-cpu", "CPU time until then, user and system", "ms", start},
		{"start-faults", "page faults until then", "", start},
		{"mem-peak", machine + ": memory beside the guest's, most of it", "MiB", memory},
		{"mem-rest", machine + ": memory beside the guest's, at rest", "MiB", memory},
		{"mem-private", "of that: no other process has it", "MiB", memory},
		{"mem-program", "of that: code and constants", "MiB", memory},
		{"mem-data", "of that: variables, and other pages of files that were written", "MiB", memory},
		{"mem-heap", "of that: heap (in Go with all stacks)", "MiB", memory},
		{"mem-other", "of that: other memory of no file", "MiB", memory},
		{"mem-kvm", "of that: pages shared with KVM", "MiB", memory},
		{"mem-tables", "page tables of the process", "MiB", memory},
		{"threads", "threads at rest", "", memory},
	}
	for _, n := range []int{1, o.instances} {
		all = append(all, []figure{
			{fmt.Sprintf("list-%d-wall", n), fmt.Sprintf("list of %d: in a process that runs", n), "ms", list},
			{fmt.Sprintf("list-%d-cpu", n), fmt.Sprintf("list of %d: its CPU time", n), "ms", list},
			{fmt.Sprintf("ps-%d-wall", n), fmt.Sprintf("list of %d: hull ps -a", n), "ms", list},
			{fmt.Sprintf("ps-%d-cpu", n), fmt.Sprintf("list of %d: CPU time of hull ps -a", n), "ms", list},
		}...)
		if o.instances == 1 {
			break
		}
	}
	at := fmt.Sprintf("%d machines of %d MiB at once: ", o.vms, o.vmMemory)
	all = append(all, []figure{
		{"fleet-first", at + "until the first agent answers", "ms", fleet},
		{"fleet-last", at + "until the last agent answers", "ms", fleet},
		{"fleet-host", at + "memory of the host for each, guest and all", "MiB", fleet},
		{"fleet-guest", "of that: its guest's", "MiB", fleet},
		{"fleet-vmm", "of that: its monitor's own", "MiB", fleet},
		{"fleet-supervisor", "of that: its supervisor's", "MiB", fleet},
	}...)
	var wanted []figure
	for _, f := range all {
		if o.wants(f.group) {
			wanted = append(wanted, f)
		}
	}
	return wanted
}

// ids are those of a group's figures.
func ids(of []figure, g group) []string {
	var out []string
	for _, f := range of {
		if f.group == g {
			out = append(out, f.id)
		}
	}
	return out
}

func lines(of []figure) []table.Figure {
	var out []table.Figure
	for _, f := range of {
		out = append(out, table.Figure{ID: f.id, Name: f.name, Unit: f.unit})
	}
	return out
}
