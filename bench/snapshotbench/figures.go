package main

import (
	"fmt"

	"github.com/hullvm/hull/bench/table"
)

// group is what figures are measured together.
type group string

const (
	boot      group = "boot"      // a machine of some size boots
	restore   group = "restore"   // and is restored
	pause     group = "pause"     // and is held while a snapshot is made
	live      group = "live"      // or only for a part of that
	rest      group = "rest"      // a machine that does nothing
	container group = "container" // a container starts, or a clone
	clones    group = "clones"    // many machines of one snapshot
)

// groupNames are what failures are called.
var groupNames = map[group]string{
	boot: "a boot", restore: "a restore", pause: "a snapshot", live: "a live snapshot",
	rest: "a machine at rest", container: "a container", clones: "clones",
}

func groupWords() []string {
	return []string{string(boot), string(restore), string(pause), string(live), string(rest), string(container), string(clones)}
}

type figure struct {
	id, name, unit string
	group          group
	size           int // MiB; 0 for one that is not of each size
	more           bool
}

// id is a figure's for a size of memory.
func id(name string, size int) string { return fmt.Sprintf("%s-%d", name, size) }

// figures are the lines of the table in their order.
func figures(o options) []figure {
	var all []figure
	for _, f := range []struct {
		id, name string
		group    group
	}{
		{"boot-entry", "boot of %s: until the first instruction", boot},
		{"boot-monitor", "boot of %s: from the monitor's start to the first instruction", boot},
		{"boot-answer", "boot of %s: until the agent's first answer", boot},
		{"restore-entry", "restore of %s: until the first instruction", restore},
		{"restore-monitor", "restore of %s: from the monitor's start to the first instruction", restore},
		{"restore-answer", "restore of %s: until the agent's first answer", restore},
		{"restore-done", "restore of %s: until the command has ended", restore},
		{"pause", "snapshot of %s: the guest is held for", pause},
		{"create", "snapshot of %s: until it is made", pause},
		{"live-pause", "live snapshot of %s: the guest is held for", live},
		{"live-create", "live snapshot of %s: until it is made", live},
	} {
		for _, size := range o.sizes {
			all = append(all, figure{id: id(f.id, size), name: fmt.Sprintf(f.name, sizeWord(size)), unit: "ms", group: f.group, size: size})
		}
	}
	at := fmt.Sprintf("%s at rest, ", sizeWord(o.sizes[0]))
	all = append(all,
		figure{id: "rest-booted", name: at + "booted: memory beside the guest's", unit: "MiB", group: rest},
		figure{id: "rest-restored", name: at + "restored: memory beside the guest's", unit: "MiB", group: rest},
		figure{id: "rest-own", name: "of that: no other process has it", unit: "MiB", group: rest},
		figure{id: "container-answer", name: "clone of " + sizeWord(o.sizes[0]) + ": until its agent's first answer; container: until its program's first word", unit: "ms", group: container},
	)
	of := fmt.Sprintf("%d clones of %s: ", o.clones, sizeWord(o.sizes[0]))
	all = append(all,
		figure{id: "clones-rate", name: of + "made in a second", unit: "1/s", group: clones, more: true},
		figure{id: "clones-pss", name: of + "memory of each one's monitor, guest and all", unit: "MiB", group: clones},
		figure{id: "clones-guest", name: "of that: its guest's own", unit: "MiB", group: clones},
		figure{id: "clones-monitor", name: "of that: its monitor's own", unit: "MiB", group: clones},
		figure{id: "clones-host", name: of + "memory of the host for each", unit: "MiB", group: clones},
	)
	var wanted []figure
	for _, f := range all {
		if o.wants(f.group) {
			wanted = append(wanted, f)
		}
	}
	return wanted
}

func sizeWord(mib int) string {
	if mib%1024 == 0 {
		return fmt.Sprintf("%d GiB", mib/1024)
	}
	return fmt.Sprintf("%d MiB", mib)
}

// ids are those of a group's figures, of a size where they are of one.
func ids(of []figure, g group, size int) []string {
	var out []string
	for _, f := range of {
		if f.group == g && f.size == size {
			out = append(out, f.id)
		}
	}
	return out
}

func lines(of []figure) []table.Figure {
	var out []table.Figure
	for _, f := range of {
		out = append(out, table.Figure{ID: f.id, Name: f.name, Unit: f.unit, More: f.more})
	}
	return out
}
