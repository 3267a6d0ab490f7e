package figures

import "slices"

// Group is what a figure is measured by.
type Group int

const (
	Disk   Group = iota // fio in the guest
	TCP                 // iperf3 in the guest
	Echo                // datagrams that the host sends back
	Stream              // a vsock stream
	Rest                // the host looks at a machine that does nothing
	Boot                // a machine of its own, with Hull's agent
)

// Figure is one thing that is measured.
type Figure struct {
	ID    string // in one word
	Name  string
	Unit  string
	Group Group
	More  bool // more is better
	VHost bool // for TCP and Echo: the kernel moves the packets

	// Of a Disk figure: fio's rw, the block size in bytes and how many requests
	// are under way.
	RW        string
	BlockSize int
	Depth     int

	// In is for TCP and Stream: the guest receives.
	In bool

	// Percentile is for Echo.
	Percentile float64
}

// All are the figures in the order of the table.
var All = []Figure{
	{ID: "read-1", Name: "sequential read, 128 KiB, depth 1", Unit: "MB/s", Group: Disk, More: true, RW: "read", BlockSize: 128 << 10, Depth: 1},
	{ID: "read-32", Name: "sequential read, 128 KiB, depth 32", Unit: "MB/s", Group: Disk, More: true, RW: "read", BlockSize: 128 << 10, Depth: 32},
	{ID: "write-1", Name: "sequential write, 128 KiB, depth 1", Unit: "MB/s", Group: Disk, More: true, RW: "write", BlockSize: 128 << 10, Depth: 1},
	{ID: "write-32", Name: "sequential write, 128 KiB, depth 32", Unit: "MB/s", Group: Disk, More: true, RW: "write", BlockSize: 128 << 10, Depth: 32},
	{ID: "randread-1", Name: "random read, 4 KiB, depth 1", Unit: "IOPS", Group: Disk, More: true, RW: "randread", BlockSize: 4 << 10, Depth: 1},
	{ID: "randread-32", Name: "random read, 4 KiB, depth 32", Unit: "IOPS", Group: Disk, More: true, RW: "randread", BlockSize: 4 << 10, Depth: 32},
	{ID: "randwrite-1", Name: "random write, 4 KiB, depth 1", Unit: "IOPS", Group: Disk, More: true, RW: "randwrite", BlockSize: 4 << 10, Depth: 1},
	{ID: "randwrite-32", Name: "random write, 4 KiB, depth 32", Unit: "IOPS", Group: Disk, More: true, RW: "randwrite", BlockSize: 4 << 10, Depth: 32},
	{ID: "tcp-out-vhost", Name: "TCP from the guest, tap, vhost", Unit: "Mbit/s", Group: TCP, More: true, VHost: true},
	{ID: "tcp-in-vhost", Name: "TCP to the guest, tap, vhost", Unit: "Mbit/s", Group: TCP, More: true, VHost: true, In: true},
	{ID: "tcp-out", Name: "TCP from the guest, tap, no vhost", Unit: "Mbit/s", Group: TCP, More: true},
	{ID: "tcp-in", Name: "TCP to the guest, tap, no vhost", Unit: "Mbit/s", Group: TCP, More: true, In: true},
	{ID: "rtt-vhost-50", Name: "round trip, vhost, median", Unit: "µs", Group: Echo, VHost: true, Percentile: 50},
	{ID: "rtt-vhost-99", Name: "round trip, vhost, 99%", Unit: "µs", Group: Echo, VHost: true, Percentile: 99},
	{ID: "rtt-50", Name: "round trip, no vhost, median", Unit: "µs", Group: Echo, Percentile: 50},
	{ID: "rtt-99", Name: "round trip, no vhost, 99%", Unit: "µs", Group: Echo, Percentile: 99},
	{ID: "vsock-out", Name: "vsock from the guest", Unit: "MB/s", Group: Stream, More: true},
	{ID: "vsock-in", Name: "vsock to the guest", Unit: "MB/s", Group: Stream, More: true, In: true},
	{ID: "idle-switches", Name: "at rest: context switches, all threads", Unit: "1/s", Group: Rest},
	{ID: "idle-others", Name: "at rest: context switches, threads beside the vCPUs'", Unit: "1/s", Group: Rest},
	{ID: "idle-exits", Name: "at rest: exits from the guest", Unit: "1/s", Group: Rest},
	{ID: "memory", Name: "memory beside the guest's", Unit: "MiB", Group: Rest},
	{ID: "agent", Name: "boot until the agent has started its program", Unit: "ms", Group: Boot},
}

// ByID finds a figure.
func ByID(id string) (Figure, bool) {
	i := slices.IndexFunc(All, func(f Figure) bool { return f.ID == id })
	if i < 0 {
		return Figure{}, false
	}
	return All[i], true
}

// Device is where the guest finds what a figure is measured on: host and guest
// name and number their devices by it.
const (
	RootDisk    = "root"    // serial number; read-only, with the programs
	ScratchDisk = "scratch" // serial number; written over by fio

	MACVHost = "52:54:00:98:00:02"
	MACPlain = "52:54:00:98:01:02"

	HostVHost  = "10.98.0.1" // the host's address, on /24
	GuestVHost = "10.98.0.2"
	HostPlain  = "10.98.1.1"
	GuestPlain = "10.98.1.2"

	EchoPort      = 5500 // UDP, of the host
	StreamOutPort = 5501 // vsock, of the host: takes all, then tells how much
	StreamInPort  = 5502 // vsock, of the host: sends until nobody reads
)

// Ready is what the program says that Hull's agent starts.
const Ready = "BENCH-READY"
