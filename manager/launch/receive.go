package launch

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
	"github.com/hullvm/hull/manager/names"
	"github.com/hullvm/hull/manager/store"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/migrate"
	"github.com/hullvm/hull/migrate/transport"
)

// ReceiveOptions say what a supervisor waits for that has no instance yet.
type ReceiveOptions struct {
	Dirs    manager.Dirs
	Options supervisor.Receive
	Socket  *os.File        // listens
	Ready   *os.File        // takes a reply: the machine runs, or why not; closed when nothing more comes of it
	Stop    <-chan struct{} // closed when the host wants the supervisor to end

	listeners *listeners
}

// Receive waits for one machine, and looks after it like Run.
func Receive(ctx context.Context, o ReceiveOptions) error {
	told := false
	tell := func(id string, err error) {
		if told {
			return
		}
		told = true
		// Nobody may be there to hear it any more.
		_ = supervisor.WriteReceived(o.Ready, id, err)
	}
	o.listeners = listenersOf(o.Ready)
	in, door, err := comes(ctx, o)
	if err == nil {
		err = errors.Join(o.run(ctx, in, door, tell), door.Close())
	}
	tell("", err)
	o.listeners.close()
	return err
}

// comes waits until somebody wants to bring a machine.
func comes(ctx context.Context, o ReceiveOptions) (*migrate.Incoming, *transport.Listener, error) {
	config, err := tlsOf(o.Options.TLS)
	if err != nil {
		return nil, nil, err
	}
	inner, err := net.FileListener(o.Socket)
	if err = errors.Join(err, o.Socket.Close()); err != nil {
		return nil, nil, fmt.Errorf("socket that listens: %w", err)
	}
	if l, ok := inner.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false) // another has made it
	}
	refused := func(err error) { fmt.Fprintf(os.Stderr, "hull: %v\n", err) }
	door := transport.Serve(inner, config, transport.Options{Lost: migrate.StallTime, Dropped: func(peer net.Addr, err error) {
		refused(fmt.Errorf("from %v: %w", peer, err))
	}})
	m, err := manager.Open(o.Dirs, nil)
	if err != nil {
		return nil, nil, errors.Join(err, door.Close())
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !o.Options.Deadline.IsZero() {
		t := time.AfterFunc(time.Until(o.Options.Deadline), func() { cancel(supervisor.ErrExpired) })
		defer t.Stop()
	}
	go func() {
		select {
		case <-o.Stop:
			cancel(errors.New("the host has stopped the supervisor"))
		case <-o.listeners.gone:
			cancel(errUnwanted)
		case <-waiting.Done():
		}
	}()
	in, err := migrate.Await(waiting, migrate.Doorway{Listener: door}, manager.NewRecords(m), migrate.Patience{}, refused)
	if err != nil {
		return nil, nil, errors.Join(err, door.Close())
	}
	return in, door, nil
}

// run takes the machine in, and looks after it until its end.
func (o *ReceiveOptions) run(ctx context.Context, in *migrate.Incoming, door *transport.Listener, started func(string, error)) error {
	s, err := store.Open(o.Dirs.State)
	if err != nil {
		return in.Reject(err.Error())
	}
	d, parcel, err := o.unpack(in)
	if err != nil {
		return in.Reject(err.Error())
	}
	claim, err := s.CreateReceiving(d, &instance.Migration{
		Session: in.Session.String(), Role: instance.Target, Peer: in.Peer, Since: time.Now().UTC(),
	})
	if err != nil {
		return in.Reject(err.Error())
	}
	defer claim.Close()
	a := &arrival{incoming: in, parcel: parcel, store: s, id: d.ID, unwanted: o.listeners.gone}
	ran, remove := false, false
	err = look(ctx, Options{ID: d.ID, Dirs: o.Dirs, Stop: o.Stop}, s, d, func(c *supervisor.Config, w *logs.Writer) {
		a.log, a.writer = c.Messages, w
		c.Arrival = a
		c.Arrived = func() {
			_ = door.Close()    // others may listen there now
			o.listeners.close() // and this is how who waits for that hears of it
		}
		c.Left = func() { remove = true }
		c.Started = func(err error) {
			if ran = err == nil; ran {
				started(d.ID, nil)
			}
		}
	})
	if !ran {
		// One that is this host's, and failed as it was started, is nowhere else.
		if st, e := s.State(d.ID); e == nil && st.Status != instance.Receiving {
			return err
		}
		return errors.Join(err, s.Remove(d.ID))
	}
	if remove || d.AutoRemove {
		_ = claim.Close() // who removes it sees that nobody has it
		return errors.Join(err, removeInstance(ctx, o.Dirs, d.ID))
	}
	return err
}

// unpack makes an instance of this host of what the source has said of its own.
func (o *ReceiveOptions) unpack(in *migrate.Incoming) (*instance.Description, *parcel, error) {
	p := new(parcel)
	if err := json.Unmarshal(in.Describe.Instance, p); err != nil {
		return nil, nil, fmt.Errorf("the instance's description: %w", err)
	}
	d := p.Description
	if d == nil {
		return nil, nil, errors.New("no description of the instance")
	}
	if err := d.Check(); err != nil {
		return nil, nil, fmt.Errorf("the instance's description: %w", err)
	}
	if o.Options.Name != "" {
		d.Name = o.Options.Name
	}
	if err := names.Valid(d.Name); err != nil {
		return nil, nil, err
	}
	machine, err := d.Config()
	if err != nil {
		return nil, nil, err
	}
	for _, share := range machine.Shares { // a source that keeps to the rules has refused it
		return nil, nil, fmt.Errorf("share %q: folders of this host are not for machines of another", share.Name)
	}
	before := machine.Name
	d.KVM, d.SlowKVM, d.Unconfined = o.Options.KVM, o.Options.SlowKVM, o.Options.Unconfined
	d.Snapshot = nil // what its disks lie over is with them
	if err := o.adapt(machine, d, before); err != nil {
		return nil, nil, err
	}
	if err := machine.Validate(); err != nil {
		return nil, nil, err
	}
	d.Machine = string(configs.Render(machine))
	// What a list shows is what the machine is, whatever the source says.
	d.Kernel, d.Command = machine.Boot.Kernel, machine.Init.Exec
	d.VCPUs, d.Memory, d.HasBalloon = machine.CPU.Count, uint64(machine.Memory.Size), machine.Balloon.Enabled
	if d.Balloon > d.Memory {
		return nil, nil, fmt.Errorf("a balloon of %d bytes, and %d of memory", d.Balloon, d.Memory)
	}
	if uint64(machine.Memory.Size) != in.Describe.MemorySize {
		return nil, nil, fmt.Errorf("its machine file says %d bytes of memory, and its description %d", machine.Memory.Size, in.Describe.MemorySize)
	}
	return d, p, nil
}

// adapt has a machine be on this host: its socket is here, its disks where the user
// said.
func (o *ReceiveOptions) adapt(machine *configs.Machine, d *instance.Description, before string) error {
	machine.Vsock.Path = filepath.Join(o.Dirs.RunDir(d.ID), "vsock.sock")
	for i := range machine.Nets {
		n := &machine.Nets[i]
		mac := n.HardwareAddr(before) // made of a name, which may be another now
		n.MAC = net.HardwareAddr(mac[:]).String()
	}
	for name, path := range o.Options.Disks {
		found := false
		for i := range machine.Disks {
			if machine.Disks[i].Name == name {
				machine.Disks[i].Path, found = path, true
			}
		}
		if !found {
			return fmt.Errorf("disk %q: the machine that comes has none of that name", name)
		}
	}
	machine.SetName(d.Name)
	return nil
}

func tlsOf(f *transport.Files) (*tls.Config, error) {
	if f == nil {
		return nil, nil
	}
	return transport.Server(*f)
}
