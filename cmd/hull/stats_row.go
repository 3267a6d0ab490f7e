package main

import (
	"fmt"

	"github.com/docker/go-units"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// statsRow is what an instance uses, as a template sees it, and as JSON has it.
type statsRow struct {
	ID, Container, Name, CPUPerc, MemUsage, MemPerc, NetIO, BlockIO, PIDs string
}

var statsHeaders = headers{
	"ID": "INSTANCE ID", "Container": "INSTANCE", "Name": "NAME", "CPUPerc": "CPU %", "MemUsage": "MEM USAGE / LIMIT",
	"MemPerc": "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
}

const statsColumns = `{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}`

// newStatsRow is what was used between two looks. An instance that was not there
// before has no rate yet.
func newStatsRow(s, before *manager.Stats, noTrunc bool) statsRow {
	id := s.ID
	if !noTrunc {
		id = instance.ShortID(id)
	}
	cpu := "--"
	if before != nil {
		cpu = fmt.Sprintf("%.2f%%", cpuPercent(s, before))
	}
	memory := 0.0
	if s.MemoryLimit > 0 {
		memory = 100 * float64(s.MemoryUsage) / float64(s.MemoryLimit)
	}
	return statsRow{
		ID: id, Container: id, Name: s.Name, CPUPerc: cpu,
		MemUsage: units.BytesSize(float64(s.MemoryUsage)) + " / " + units.BytesSize(float64(s.MemoryLimit)),
		MemPerc:  fmt.Sprintf("%.2f%%", memory),
		NetIO:    inAndOut(s.NetReceived, s.NetTransmitted),
		BlockIO:  inAndOut(s.BlockRead, s.BlockWritten),
		PIDs:     fmt.Sprint(s.Processes),
	}
}

// cpuPercent is how many processors were kept busy, in per cent of one. A machine
// that was started again counts from zero.
func cpuPercent(s, before *manager.Stats) float64 {
	passed := s.Time.Sub(before.Time)
	if passed <= 0 || s.CPUTime < before.CPUTime {
		return 0
	}
	return 100 * float64(s.CPUTime-before.CPUTime) / float64(passed)
}

func inAndOut(in, out uint64) string {
	return units.HumanSizeWithPrecision(float64(in), sizePrecision) + " / " + units.HumanSizeWithPrecision(float64(out), sizePrecision)
}
