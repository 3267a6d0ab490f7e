package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest/initrd"
	"github.com/hullvm/hull/guest/kernel"
	"github.com/hullvm/hull/internal/archives"
)

// Programs of a guest's initrd.
const (
	agentProgram = "hull-agent"
	shellProgram = "hull-shell"
)

// wishedModules serve devices of every machine; a kernel may lack them.
var wishedModules = []string{"button", "evdev", "pvpanic_mmio", "vmgenid"}

// buildInitrd makes the initrd that the description's [init] asks for. What it has
// in common with other machines' is made once.
func (f *Files) buildInitrd(m *configs.Machine, bundle *kernel.Bundle, d Dirs) error {
	o, err := initrdOptions(m, bundle, d)
	if err != nil {
		return err
	}
	parts, err := initrd.Cache{Dir: filepath.Join(d.Cache, "initrd")}.Open(o)
	if err != nil {
		return err
	}
	f.initrd = []*os.File{parts.Shared.File, parts.Own.File}
	joined, err := archives.Join(
		archives.Part{Data: parts.Shared.File, Size: parts.Shared.Size},
		archives.Part{Data: parts.Own.File, Size: parts.Own.Size},
	)
	if err != nil {
		return fmt.Errorf("initrd: %w", err)
	}
	f.Initrd = File{
		Name: fmt.Sprintf("%s + %d bytes of its own", parts.Shared.File.Name(), parts.Own.Size),
		File: joined, Size: joined.Size(),
	}
	return nil
}

// initrdOptions say what goes into the initrd.
func initrdOptions(m *configs.Machine, bundle *kernel.Bundle, d Dirs) (initrd.Options, error) {
	o := initrd.Options{
		Agent:  filepath.Join(d.Programs, agentProgram),
		Shell:  filepath.Join(d.Programs, shellProgram),
		Config: agentConfig(m),
	}
	for _, p := range []string{o.Agent, o.Shell} {
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
			return o, fmt.Errorf("initrd: program %q is not there: make build makes it; HULL_PROGRAMS names another folder", p)
		}
	}
	var err error
	if o.Modules, err = modules(m, bundle); err != nil {
		return o, err
	}
	for _, f := range m.Init.Files {
		file := initrd.File{Path: f.Path, Mode: fs.FileMode(f.Mode), Source: f.Source}
		if f.Source == "" {
			file.Data = append([]byte{}, f.Text...)
		}
		o.Files = append(o.Files, file)
	}
	return o, nil
}

// agentConfig is the agent's job.
func agentConfig(m *configs.Machine) bootconf.Config {
	c := bootconf.Config{
		Hostname:   m.Init.Hostname,
		Exec:       m.Init.Exec,
		Env:        m.Init.Env,
		Dir:        m.Init.Dir,
		Interfaces: interfaces(m),
		Mounts:     mounts(m),
	}
	if m.Vsock.Path != "" {
		c.VsockPort = agent.VsockPort
	}
	if m.Console.Output == configs.SerialTerminal {
		c.Console = "/dev/hvc0"
	}
	return c
}

// modules are those that Hull wishes, where the kernel has them, and those that
// the machine's devices need and its description names, which it must have.
func modules(m *configs.Machine, bundle *kernel.Bundle) ([]initrd.Module, error) {
	if bundle == nil {
		if len(m.Init.Modules) > 0 {
			return nil, fmt.Errorf("init.modules: kernel %q is a file and has no modules: import it with them (hull kernel import --vmlinuz FILE --modules DIR)", m.Boot.Kernel)
		}
		return nil, nil
	}
	if _, err := bundle.Modules(m.Init.Modules); err != nil {
		return nil, fmt.Errorf("init.modules: %w", err)
	}
	want := append(deviceModules(m), m.Init.Modules...)
	must, err := bundle.Modules(want)
	if err != nil {
		return nil, fmt.Errorf("a module that the machine's devices need: %w", err)
	}
	for _, name := range wishedModules {
		if _, err := bundle.Modules([]string{name}); err == nil {
			want = append(want, name)
		}
	}
	all, err := bundle.Modules(want)
	if err != nil {
		return nil, err
	}
	var out []initrd.Module
	for _, l := range all {
		needed := slices.ContainsFunc(must, func(o kernel.LoadedModule) bool { return o.Name == l.Name && !o.Soft })
		out = append(out, initrd.Module{Name: l.Name, Path: l.Path, SHA256: l.SHA256, Optional: !needed})
	}
	return out, nil
}
