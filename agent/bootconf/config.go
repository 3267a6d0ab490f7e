package bootconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

const (
	// Version is the format that this package reads and writes.
	Version = 1

	// Path is where the file lies in the initrd.
	Path = "/etc/hull/agent.json"

	// MaxSize is the longest file that Decode reads, in bytes.
	MaxSize = 1 << 20

	// maxModules bounds the module list; a distribution's kernel has about
	// 4,000 modules in all.
	maxModules = 8192
)

// Config is what PID 1 does, in this order: set the host name, load the
// modules, mount file systems, set up the network, serve the agent's protocol,
// then run Exec or serve the lab.
type Config struct {
	// Version is the file's format. Encode fills in a zero.
	Version int `json:"version"`

	// Hostname is at most 64 bytes (utsname(2)); empty leaves the kernel's.
	Hostname string `json:"hostname,omitempty"`

	// Modules are loaded in this order, dependencies first.
	Modules []Module `json:"modules,omitempty"`

	// Interfaces are network devices to set up.
	Interfaces []Interface `json:"interfaces,omitempty"`

	// Mounts are mounted in this order. One on / becomes the root in which Exec
	// and the agent's programs run.
	Mounts []Mount `json:"mounts,omitempty"`

	// VsockPort is the vsock port on which the agent's protocol is served; 0 for
	// none.
	VsockPort uint32 `json:"vsock_port,omitempty"`

	// Exec is the main process and its arguments. A name without a slash is
	// looked up in the PATH of Env.
	Exec []string `json:"exec,omitempty"`

	// Env is the whole environment of Exec as NAME=value; empty means a PATH, a
	// HOME and a TERM.
	Env []string `json:"env,omitempty"`

	// Dir is the working directory of Exec; empty means /.
	Dir string `json:"dir,omitempty"`

	// Console is the terminal that Exec gets, such as /dev/hvc0; empty means the
	// terminal behind /dev/console.
	Console string `json:"console,omitempty"`

	// Lab makes the guest a lab host instead of running Exec.
	Lab *Lab `json:"lab,omitempty"`
}

// Module is one kernel module to load.
type Module struct {
	// Path is the decompressed module in the initrd.
	Path string `json:"path"`

	// Params are the module's parameters as in "npt=1 nested=1".
	Params string `json:"params,omitempty"`

	// Optional makes a module that cannot be loaded a remark on the console
	// instead of the end of the boot: it is missing, its hardware is, or a
	// dependency was.
	Optional bool `json:"optional,omitempty"`
}

// Lab is the part of a lab host's PID 1.
type Lab struct {
	// SerialPort is the name of the virtio-serial port on which the agent
	// protocol is served.
	SerialPort string `json:"serial_port"`

	// Root is the file system in which commands run.
	Root Root `json:"root"`
}

// Root is a file system that the host shares with the guest.
type Root struct {
	// Tag is the mount tag of a 9p or virtiofs share. An empty tag stays in the
	// initrd.
	Tag string `json:"tag,omitempty"`

	// FSType is "9p" or "virtiofs".
	FSType string `json:"fstype,omitempty"`

	// Options are passed to mount(2), such as "trans=virtio,version=9p2000.L".
	Options string `json:"options,omitempty"`

	// Overlay puts a tmpfs over the share, so that nothing written in the guest
	// reaches the host.
	Overlay bool `json:"overlay,omitempty"`
}

// Encode writes c as Decode reads it. Equal configurations give equal bytes.
func Encode(c Config) ([]byte, error) {
	if c.Version == 0 {
		c.Version = Version
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("agent configuration: encode: %w", err)
	}
	b = append(b, '\n')
	if len(b) > MaxSize {
		return nil, fmt.Errorf("agent configuration: encode: %d bytes, at most %d", len(b), MaxSize)
	}
	return b, nil
}

// Decode reads one configuration of at most MaxSize bytes and validates it.
func Decode(r io.Reader) (*Config, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("agent configuration: read: %w", err)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("agent configuration: read: more than %d bytes", MaxSize)
	}

	// The version comes first: an unknown field of a later format should be
	// reported as the later format.
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("agent configuration: decode: %w", err)
	}
	if head.Version != Version {
		return nil, fmt.Errorf("agent configuration: decode: version %d, this agent reads %d", head.Version, Version)
	}

	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	c := new(Config)
	if err := dec.Decode(c); err != nil {
		return nil, fmt.Errorf("agent configuration: decode: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("agent configuration: decode: something follows the object")
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// Validate reports everything that is wrong with c, joined.
func (c *Config) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("agent configuration: %s: %s", field, fmt.Sprintf(format, args...)))
	}
	if c.Version != Version {
		bad("version", "%d is not %d", c.Version, Version)
	}
	if len(c.Hostname) > 64 {
		bad("hostname", "%d bytes, at most 64", len(c.Hostname))
	}
	if strings.ContainsAny(c.Hostname, "/\x00\n ") {
		bad("hostname", "%q is not a host name", c.Hostname)
	}
	if len(c.Modules) > maxModules {
		bad("modules", "%d of them, at most %d", len(c.Modules), maxModules)
	}
	for i, m := range c.Modules {
		if !isAbs(m.Path) {
			bad(fmt.Sprintf("modules[%d].path", i), "%q is not an absolute path", m.Path)
		}
		if strings.ContainsRune(m.Params, 0) {
			bad(fmt.Sprintf("modules[%d].params", i), "holds a zero byte")
		}
	}
	c.validateDevices(bad)
	if c.Lab == nil && (len(c.Exec) == 0 || c.Exec[0] == "") {
		bad("exec", "names no program")
	}
	for i, a := range c.Exec {
		if strings.ContainsRune(a, 0) {
			bad(fmt.Sprintf("exec[%d]", i), "holds a zero byte")
		}
	}
	for i, e := range c.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" || strings.ContainsRune(e, 0) {
			bad(fmt.Sprintf("env[%d]", i), "%q is not NAME=value", e)
		}
	}
	if c.Dir != "" && !isAbs(c.Dir) {
		bad("dir", "%q is not an absolute path", c.Dir)
	}
	if c.Console != "" && (!isAbs(c.Console) || !strings.HasPrefix(c.Console, "/dev/")) {
		bad("console", "%q is not a device under /dev", c.Console)
	}
	if c.Lab != nil {
		c.Lab.validate(bad)
	}
	return errors.Join(errs...)
}

func (l *Lab) validate(bad func(field, format string, args ...any)) {
	if l.SerialPort == "" || strings.ContainsAny(l.SerialPort, "/\x00\n") {
		bad("lab.serial_port", "%q is not the name of a port", l.SerialPort)
	}
	switch {
	case l.Root.Tag == "":
		if l.Root != (Root{}) {
			bad("lab.root.tag", "is empty, but other fields of the root are not")
		}
	case l.Root.FSType != "9p" && l.Root.FSType != "virtiofs":
		bad("lab.root.fstype", "%q is neither 9p nor virtiofs", l.Root.FSType)
	}
	if strings.ContainsRune(l.Root.Tag+l.Root.Options, 0) {
		bad("lab.root", "holds a zero byte")
	}
}

// isAbs says whether p is a clean absolute path that mount(2) and open(2) take.
func isAbs(p string) bool {
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && !strings.ContainsRune(p, 0)
}
