package manager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/snapshot"
	snapshots "github.com/hullvm/hull/snapshot/store"
)

// Restore makes an instance that goes on where a snapshot was taken.
func (m *Manager) Restore(ctx context.Context, name string, o RestoreOptions) (*instance.Description, error) {
	open, err := m.openForUse(ctx, name, o.Verify)
	if err != nil {
		return nil, err
	}
	d, err := m.restore(ctx, open, o, false)
	return d, errors.Join(err, open.Close())
}

// Clone makes instances of a snapshot that are machines of their own.
func (m *Manager) Clone(ctx context.Context, name string, o CloneOptions) (list []*instance.Description, err error) {
	if err := o.CheckCount(); err != nil {
		return nil, err
	}
	open, err := m.openForUse(ctx, name, o.Verify)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	for i := range o.Count {
		one := o.RestoreOptions
		if one.Name != "" && o.Count > 1 {
			one.Name += "-" + strconv.Itoa(i+1)
		}
		d, err := m.restore(ctx, open, one, true)
		if err != nil {
			return list, fmt.Errorf("clone %d of %d: %w", i+1, o.Count, err)
		}
		list = append(list, d)
	}
	return list, nil
}

// openForUse opens a snapshot whose disks are still those of its moment.
func (m *Manager) openForUse(ctx context.Context, name string, verify bool) (*snapshots.Snapshot, error) {
	all, err := m.snapshots()
	if err != nil {
		return nil, err
	}
	if verify {
		if err := all.Verify(ctx, name, nil); err != nil {
			return nil, kindedSnapshot(err)
		}
	}
	open, err := all.Open(ctx, name)
	if err != nil {
		return nil, kindedSnapshot(err)
	}
	if err := open.Manifest.CheckDisks(); err != nil {
		return nil, errors.Join(kindedSnapshot(fmt.Errorf("snapshot %q: %w", open.Manifest.Name, err)), open.Close())
	}
	return open, nil
}

// restore makes one instance.
func (m *Manager) restore(ctx context.Context, open *snapshots.Snapshot, o RestoreOptions, clone bool) (*instance.Description, error) {
	machine, err := machineOf(open)
	if err != nil {
		return nil, err
	}
	if o.Name == "" && !clone {
		o.Name = open.Manifest.Instance.Name
	}
	from := &fromSnapshot{manager: m, snapshot: open, before: machine.Name, clone: clone}
	d, err := m.create(CreateOptions{
		Machine: machine, Name: o.Name, Labels: o.Labels,
		Unconfined: o.Unconfined, SlowKVM: o.SlowKVM, KVM: o.KVM, AutoRemove: o.AutoRemove,
	}, from)
	if err != nil {
		return nil, fmt.Errorf("snapshot %q: %w", open.Manifest.Name, err)
	}
	if o.Created {
		return d, nil
	}
	if err := m.Start(ctx, d.ID); err != nil {
		// What it was to be never was: nobody has use for it.
		return nil, errors.Join(err, m.Remove(context.WithoutCancel(ctx), d.ID, RemoveOptions{Force: true}))
	}
	if o.Paused {
		return d, m.Pause(ctx, d.ID)
	}
	return d, nil
}

// fromSnapshot is a snapshot as the origin of an instance.
type fromSnapshot struct {
	manager  *Manager
	snapshot *snapshots.Snapshot
	before   string // the machine's name
	clone    bool

	overlays []overlay
}

// overlay is an image to make, in the instance's folder.
type overlay struct {
	name, backing, format string
}

// adapt makes the saved machine that of an instance: its disks are images of its own
// over those of the snapshot, and it has a socket of its own. A clone has other
// addresses, and its published ports are those that the host has free.
func (f *fromSnapshot) adapt(d *instance.Description, machine *configs.Machine) {
	d.Snapshot = &instance.FromSnapshot{Name: f.snapshot.Manifest.Name, Created: f.snapshot.Manifest.Created, Clone: f.clone}
	machine.Vsock.Path = "" // the one that was saved may have its own still
	for i := range machine.Nets {
		n := &machine.Nets[i]
		if f.clone {
			n.MAC = ""
			for j, text := range n.Publish {
				n.Publish[j] = anyPort(text)
			}
			continue
		}
		mac := n.HardwareAddr(f.before) // made of a name, which is another now
		n.MAC = net.HardwareAddr(mac[:]).String()
	}
	f.overlays = nil
	for i := range machine.Disks {
		f.adaptDisk(d, &machine.Disks[i])
	}
}

// adaptDisk lays an image of the instance's own over a disk that it can write.
func (f *fromSnapshot) adaptDisk(d *instance.Description, c *configs.Disk) {
	if c.ReadOnly {
		return
	}
	backing := c.Backing
	for _, s := range f.snapshot.Manifest.Disks {
		if s.Name != c.Name {
			continue
		}
		backing = append(backing, s.Path)
		if s.Role == snapshot.RoleDisk {
			f.overlays = append(f.overlays, overlay{name: c.Name, backing: s.Path, format: s.Format})
		}
	}
	c.Path = filepath.Join(f.manager.store.Dir(d.ID), overlayFile(c.Name))
	c.Format, c.Backing = configs.FormatQCOW2, backing
	d.Snapshot.Disks = append(d.Snapshot.Disks, c.Name)
}

func overlayFile(name string) string { return "disk-" + name + ".qcow2" }

// fill makes the overlays.
func (f *fromSnapshot) fill(dir string) error {
	for _, o := range f.overlays {
		layers, err := disk.Layers(o.backing, o.format, f.backings(o.name))
		if err != nil {
			return err
		}
		err = disk.Create(filepath.Join(dir, overlayFile(o.name)), disk.CreateOptions{
			Format: disk.QCOW2, Size: layers[0].Size, Backing: o.backing, BackingFormat: o.format,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// backings are the files below a disk.
func (f *fromSnapshot) backings(name string) (list []string) {
	for _, s := range f.snapshot.Manifest.Disks {
		if s.Name == name {
			list = append(list, s.Path)
		}
	}
	return list
}

// anyPort has a port of the guest be published where the host has one free.
func anyPort(text string) string {
	p, err := configs.ParsePublish(text)
	if err != nil {
		return text // the description has been judged
	}
	return fmt.Sprintf("%s:0:%d/%s", hostOf(p), p.Guest, p.Protocol)
}

// hostOf is the address of the host, as a published port has it.
func hostOf(p configs.Publish) string {
	if p.Host.Addr().Is6() {
		return "[" + p.Host.Addr().String() + "]"
	}
	return p.Host.Addr().String()
}
