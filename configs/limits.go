package configs

import "time"

// Limits on a machine file, which may come from anybody.
const (
	// MaxFile is the longest machine file, in bytes.
	MaxFile = 1 << 20

	// maxDepth bounds how deep arrays and inline tables nest, and how many parts
	// a dotted key has. The TOML parser recurses, and the deepest key of a
	// machine file has three parts.
	maxDepth = 32

	// maxKeys bounds the keys, tables and arrays of a file together. The parser
	// compares each key with those beside it; 1,024 files with all they can say
	// are 5,000.
	maxKeys = 10_000

	// maxProblems bounds how many mistakes are listed; the others are counted.
	maxProblems = 100
)

// Limits on a machine.
const (
	// MaxVCPUs is the most vCPUs: one for each APIC id that an I/O APIC and an
	// MSI can name with their 8 bits, of which 255 means all.
	MaxVCPUs = 255

	// maxAPICID is the highest of these ids.
	maxAPICID = 254

	// maxThreadsPerCore is the most hardware threads that a core has anywhere.
	maxThreadsPerCore = 8

	// MinMemory is less than any Linux of today starts in, but enough for a small
	// kernel of one's own, in bytes.
	MinMemory = 16 << 20

	// MaxMemory is what mem can lay out, in bytes.
	MaxMemory = 16 << 40

	// pageSize is the granule of guest RAM, in bytes.
	pageSize = 4096

	// MaxCmdline is what x86 Linux keeps of a command line, in bytes: its
	// COMMAND_LINE_SIZE of 2048 less the final zero.
	MaxCmdline = 2047

	maxName     = 64   // bytes of a machine's name
	maxBundle   = 128  // bytes of a kernel bundle's name
	maxHostname = 64   // bytes, __NEW_UTS_LEN
	maxLabel    = 63   // bytes between two dots of a host name (RFC 1035, 2.3.4)
	maxPath     = 4095 // bytes, PATH_MAX less the final zero
	maxModules  = 256
	maxFiles    = 1024
	maxMode     = 0o7777

	maxSerial    = 20 // bytes of a disk's serial number (virtio 1.2, 5.2.6.1)
	maxTag       = 36 // bytes of a share's tag (virtio 1.2, 5.11.4)
	maxInterface = 15 // bytes, IFNAMSIZ less the final zero
	maxQueues    = 16
	maxDisks     = 31
	maxNets      = 31
	maxShares    = 31

	// maxPCIDevices is the slots of a bus less the host bridge's.
	maxPCIDevices = 31

	// maxSocketPath is the longest path of a unix socket, 107 bytes, less an
	// underscore and a port's ten digits.
	maxSocketPath = 107 - 11

	// maxStopTimeout is one day.
	maxStopTimeout = Duration(24 * time.Hour)

	// maxArgument is the longest argument or environment string that execve(2)
	// takes, in bytes: MAX_ARG_STRLEN less the final zero.
	maxArgument = 128<<10 - 1
)
