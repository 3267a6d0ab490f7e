package configs

// Vsock is the guest's socket device: streams between guest and host without a
// network. The guest has one where path is given.
type Vsock struct {
	// Path is the unix socket at which the host reaches the guest: a client
	// writes `CONNECT PORT` and a newline, and after the answer `OK` it speaks
	// with what listens on the port in the guest. Connections by the guest to
	// port N of the host go to a socket at the same path with `_N` at its end.
	Path string `toml:"path" form:"path"`

	// CID is the guest's number, 3 to 4294967294.
	CID int `toml:"cid"`
}

// Balloon is a device that gives memory back to the host.
type Balloon struct {
	// Enabled gives the guest the device.
	Enabled bool `toml:"enabled"`

	// Size is how much memory is taken from the guest at its start, less than
	// memory.size.
	Size Size `toml:"size"`

	// DeflateOnOOM lets the guest take memory back before it kills a process for
	// want of it.
	DeflateOnOOM bool `toml:"deflate_on_oom"`

	// FreePageReporting has the guest tell which memory it does not use, and the
	// host takes that back at once.
	FreePageReporting bool `toml:"free_page_reporting"`
}

// RNG is a device from which the guest draws random bytes of the host.
type RNG struct {
	// Enabled gives the guest the device.
	Enabled bool `toml:"enabled"`

	// BytesPerSecond limits what the guest draws. 0 is no limit.
	BytesPerSecond Size `toml:"bytes_per_second"`
}

// Console is a second console (virtio-console), faster than the serial one. The
// guest's kernel has it as `hvc0`, once its driver is loaded.
type Console struct {
	// Output is where what the guest writes goes, as for `[serial]`; with
	// `terminal` the main process runs on it instead of on the serial console,
	// which then has to be another's. With `none` the guest has no such console.
	Output SerialOutput `toml:"output"`

	// Path is the file that output `file` appends to, made with mode 0600 where
	// it is missing.
	Path string `toml:"path" form:"path"`
}

// maxCID is the highest context id: the one above it means any.
const maxCID = 1<<32 - 2

func (v Vsock) check(r *report) {
	if v.Path == "" {
		return
	}
	inRange("vsock.cid", v.CID, 3, maxCID, r)
	if r.ok("vsock.path") && len(v.Path) > maxSocketPath {
		r.add("vsock.path", v.Path, "is too long for a socket with a port's number behind it", "shorten it, or use a path relative to the current folder")
		return
	}
	checkHostPath("vsock.path", v.Path, r)
}

func (b Balloon) check(memory Size, r *report) {
	if !r.ok("balloon.size") {
		return
	}
	switch {
	case b.Size > 0 && !b.Enabled:
		r.add("balloon.size", b.Size, "means nothing unless balloon.enabled is true", "remove it, or set balloon.enabled")
	case r.ok("memory.size") && b.Size >= memory && b.Size > 0:
		r.add("balloon.size", b.Size, "must be less than memory.size", "lower it")
	case b.Size%pageSize != 0:
		r.add("balloon.size", b.Size, "must be a multiple of 4KiB", "round it")
	}
}

func (g RNG) check(r *report) {
	if r.ok("rng.bytes_per_second") && g.BytesPerSecond > 0 && !g.Enabled {
		r.add("rng.bytes_per_second", g.BytesPerSecond, "means nothing unless rng.enabled is true", "remove it, or set rng.enabled")
	}
}

func (c Console) check(serial SerialOutput, r *report) {
	checkOutput("console", c.Output, c.Path, r)
	if r.ok("console.output", "serial.output") && c.Output == SerialTerminal && serial == SerialTerminal {
		r.add("console.output", string(c.Output), "and serial.output must not both be the terminal", `set serial.output to "file" or "none"`)
	}
}
