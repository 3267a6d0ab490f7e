package configs

// Machine is one virtual machine. Its own keys stand before the first section of
// a file.
type Machine struct {
	// Name is what messages call the machine: 1 to 64 of `a-z A-Z 0-9 . _ -`,
	// the first a letter or digit. Without it the machine is called as its file,
	// less `.toml`.
	Name string `toml:"name"`

	CPU    CPU    `toml:"cpu"`
	Memory Memory `toml:"memory"`
	Boot   Boot   `toml:"boot"`
	Init   Init   `toml:"init"`
	Serial Serial `toml:"serial"`

	// Disks are the guest's disks, in the order in which it finds them.
	Disks []Disk `toml:"disk"`

	// Nets are the guest's network devices, in the order in which it finds them.
	Nets []Net `toml:"net"`

	// Shares are folders of the host that the guest sees.
	Shares []Share `toml:"share"`

	Vsock     Vsock     `toml:"vsock"`
	Console   Console   `toml:"console"`
	RNG       RNG       `toml:"rng"`
	Balloon   Balloon   `toml:"balloon"`
	Limits    Limits    `toml:"limits"`
	Log       Log       `toml:"log"`
	Lifecycle Lifecycle `toml:"lifecycle"`
}

// CPU is the virtual processors and how the guest sees them arranged.
type CPU struct {
	// Count is the number of virtual CPUs, 1 to 255.
	Count int `toml:"count"`

	// Model is the processor that the guest sees: all that this host's offers
	// (`host`), or one of the levels of the x86-64 ABI, which every host of that
	// level can run.
	Model Model `toml:"model"`

	// ThreadsPerCore is the number of hardware threads in a core, 1 to 8. It
	// divides count.
	ThreadsPerCore int `toml:"threads_per_core"`

	// CoresPerSocket is the number of cores in a socket. It divides the number
	// of cores. 0 stands for one socket that holds them all.
	CoresPerSocket int `toml:"cores_per_socket"`
}

// Memory is the guest's RAM.
type Memory struct {
	// Size is the amount of RAM, from 16 MiB to 16 TiB, in whole pages of 4 KiB,
	// or whole huge pages where those are on.
	Size Size `toml:"size"`

	// Backing is what holds the RAM on the host: memory of the monitor alone
	// (`anonymous`), or a memfd that other processes can map too (`memfd`).
	Backing Backing `toml:"backing"`

	// HugePages takes all RAM from the host's pool of huge pages of that size,
	// which has to hold enough of them before the start.
	HugePages HugePages `toml:"hugepages"`

	// THP asks the host's kernel for transparent huge pages where it finds any:
	// faster, and larger in steps. It means nothing beside hugepages.
	THP bool `toml:"thp"`

	// Overcommit lets the machine have more RAM than the host.
	Overcommit bool `toml:"overcommit"`
}

// Boot is what the machine starts from.
type Boot struct {
	// Kernel is a kernel bundle's name (`hull kernel ls`), or, with a slash in
	// it, the path of a bzImage or an ELF kernel. It has to be given.
	Kernel string `toml:"kernel" form:"kernel"`

	// Protocol is how the kernel is entered. `auto` looks at the file; `bzimage`
	// takes the 64-bit entry of a bzImage as it is; `elf` takes the same entry of
	// the decompressed kernel, and `pvh` its PVH entry.
	Protocol Protocol `toml:"protocol"`

	// Initrd is the path of an initrd of your own, or `none`. Without it, Hull
	// makes one that does what `[init]` says.
	Initrd string `toml:"initrd" form:"initrd"`

	// Cmdline is added to the end of the kernel's command line.
	Cmdline string `toml:"cmdline"`

	// CmdlineDefault puts the words before it that Hull's machines want, such as
	// `console=ttyS0`. Without them the command line is `cmdline` alone.
	CmdlineDefault bool `toml:"cmdline_default"`
}

// Init is what the guest's first process does, Hull's agent: it loads modules,
// runs one program, hands its exit status to hull, and turns the machine off.
// The section has no use, and is refused, beside an initrd of your own.
type Init struct {
	// Exec is the program and its arguments. A name without a slash is looked up
	// in the guest's PATH. It has to be given.
	Exec []string `toml:"exec"`

	// Env is added to the program's environment (PATH, HOME and TERM), each as
	// `NAME=value`.
	Env []string `toml:"env"`

	// Dir is the folder in which the program starts, an absolute path in the
	// guest. Without it, `/`.
	Dir string `toml:"dir"`

	// Hostname is the guest's host name: up to 64 letters, digits, hyphens and
	// dots. Without it, the machine's name.
	Hostname string `toml:"hostname"`

	// Modules are kernel modules of the bundle to load beside those that Hull's
	// devices need, with what they depend on, in this order.
	Modules []string `toml:"modules"`

	// Files are put into the guest's first file system.
	Files []File `toml:"files"`
}

// File is a file in the guest's first file system.
type File struct {
	// Path is where the file lies in the guest, absolute. It has to be given.
	Path string `toml:"path"`

	// Source is the file on the host whose content it gets.
	Source string `toml:"source" form:"path"`

	// Text is the content itself, instead of a source.
	Text string `toml:"text"`

	// Mode is the permission bits, octal.
	Mode Mode `toml:"mode"`
}

// Serial is the first serial port, the guest's console.
type Serial struct {
	// Output is where what the guest writes goes: to hull's standard output, and
	// what is typed to the guest (`terminal`); to the end of a file (`file`); or
	// nowhere (`none`).
	Output SerialOutput `toml:"output"`

	// Path is the file that output `file` appends to, made with mode 0600 where
	// it is missing.
	Path string `toml:"path" form:"path"`
}

// Lifecycle is what happens at the machine's end.
type Lifecycle struct {
	// StopTimeout is how long a guest whose power button was pressed may take to
	// turn itself off before it is killed, up to 24 hours.
	StopTimeout Duration `toml:"stop_timeout"`

	// OnReset is what a reset by the guest does: end hull with the status of a
	// reset (`end`), or start the machine again (`restart`).
	OnReset Action `toml:"on_reset"`

	// OnPanic is the same for a panic of the guest's kernel and for a triple
	// fault.
	OnPanic Action `toml:"on_panic"`

	// Restart is when an instance (`hull boot -d`) that ended is started again:
	// never (`no`), after an end other than a guest's own with status 0
	// (`on-failure`, or `on-failure:N` for at most N times in a row), after every
	// end but a `hull stop` (`always`, `unless-stopped`). Where the host went down
	// or the supervisor was killed, `hull serve` and `hull recover` start again
	// those with `always`, and those with `unless-stopped` that nobody had stopped.
	Restart RestartPolicy `toml:"restart"`
}

// Default returns a machine with every value that a file may leave out. It lacks
// what a file has to give: a name, boot.kernel and init.exec.
func Default() *Machine {
	return &Machine{
		CPU:       CPU{Count: 1, Model: ModelHost, ThreadsPerCore: 1},
		Memory:    Memory{Size: 512 << 20, Backing: Anonymous},
		Boot:      Boot{Protocol: ProtocolAuto, CmdlineDefault: true},
		Serial:    Serial{Output: SerialTerminal},
		Vsock:     Vsock{CID: 3},
		Console:   Console{Output: SerialNone},
		Balloon:   Balloon{DeflateOnOOM: true, FreePageReporting: true},
		Log:       Log{MaxSize: 10 << 20, MaxFiles: 3},
		Lifecycle: Lifecycle{StopTimeout: Duration(30e9), OnReset: End, OnPanic: End, Restart: RestartPolicy(RestartNo)},
	}
}

// Initrd values with a meaning of their own.
const (
	// InitrdBuilt: Hull makes the initrd from [init].
	InitrdBuilt = ""
	// InitrdNone: the machine boots without one.
	InitrdNone = "none"
)

// OwnKernelFile reports whether Kernel is a path rather than a bundle's name.
func (b Boot) OwnKernelFile() bool { return isPath(b.Kernel) }

// OwnInitrdFile reports whether Initrd is a path: neither built by Hull nor
// left out.
func (b Boot) OwnInitrdFile() bool { return b.Initrd != InitrdBuilt && b.Initrd != InitrdNone }
