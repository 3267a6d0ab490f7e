package agent

import "time"

// Stats is what the built-in "stats" says of its machine. Counters run since its
// start.
type Stats struct {
	Uptime    time.Duration `json:"uptime"` // nanoseconds
	CPU       CPUStats      `json:"cpu"`
	Memory    MemoryStats   `json:"memory"`
	Load      [3]float64    `json:"load"` // mean number of runnable tasks in 1, 5 and 15 minutes
	Processes int           `json:"processes"`
	Networks  []NetStats    `json:"networks"`
	Disks     []DiskStats   `json:"disks"`
}

// CPUStats is the time of all processors together, in nanoseconds.
type CPUStats struct {
	Count  int           `json:"count"`
	User   time.Duration `json:"user"`   // niced ones included
	System time.Duration `json:"system"` // interrupts included
	Idle   time.Duration `json:"idle"`
	IOWait time.Duration `json:"iowait"`
	Steal  time.Duration `json:"steal"` // taken by the host
}

// MemoryStats is in bytes.
type MemoryStats struct {
	Total     uint64 `json:"total"`
	Available uint64 `json:"available"` // for new programs, without swapping
	Free      uint64 `json:"free"`
	Cached    uint64 `json:"cached"`
}

// NetStats is one network interface.
type NetStats struct {
	Name      string `json:"name"`
	RxBytes   uint64 `json:"rx_bytes"`
	RxPackets uint64 `json:"rx_packets"`
	RxErrors  uint64 `json:"rx_errors"`
	RxDropped uint64 `json:"rx_dropped"`
	TxBytes   uint64 `json:"tx_bytes"`
	TxPackets uint64 `json:"tx_packets"`
	TxErrors  uint64 `json:"tx_errors"`
	TxDropped uint64 `json:"tx_dropped"`
}

// DiskStats is one disk, without its partitions.
type DiskStats struct {
	Name       string `json:"name"`
	Reads      uint64 `json:"reads"`
	ReadBytes  uint64 `json:"read_bytes"`
	Writes     uint64 `json:"writes"`
	WriteBytes uint64 `json:"write_bytes"`
}
