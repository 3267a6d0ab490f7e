package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/internal/release"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
	"github.com/hullvm/hull/manager/store"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/migrate"
	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/transport"
	"github.com/hullvm/hull/migrate/wire"
	"github.com/hullvm/hull/monitor/control"
)

// encodings are ways to compress memory that this release's monitors have, by the words
// that a user has for them.
var encodings = map[string][]string{
	"": {"none", "lz4", "zstd"}, "auto": {"none", "lz4", "zstd"}, "none": {"none"}, "lz4": {"none", "lz4"}, "zstd": {"none", "zstd"},
}

// Migrate moves the machine to another host.
func (m *machine) Migrate(ctx context.Context, q supervisor.Migrate, o supervisor.Mover) (*supervisor.Migrated, error) {
	to, err := endpoint(q)
	if err != nil {
		return nil, &instance.Error{Kind: instance.KindInvalid, Err: err}
	}
	use, ok := encodings[q.Compression]
	if !ok {
		return nil, &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("compression %q: auto, none, lz4 or zstd", q.Compression)}
	}
	report, err := migrate.Send(ctx, to, &moveSource{machine: m, mover: o, asked: q}, migrate.Options{
		Channels: channels(q.Connections), Compression: use,
		Downtime: q.Downtime, Throttle: q.Throttle, Timeout: q.Timeout,
	})
	if err != nil {
		return nil, kinded(err)
	}
	if report.Unlogged != nil {
		o.Note(report.Unlogged.Error())
	}
	return &supervisor.Migrated{
		Rounds: report.Rounds, Sent: report.Sent, Pages: report.Pages, ZeroPages: report.ZeroPages, Wire: report.Wire,
		Total: report.Total, Pause: report.Pause, LastPass: report.LastPass, State: report.State, Load: report.Load,
		Resume: report.Resume, Downtime: report.Downtime(), Unheard: report.Unheard,
	}, nil
}

func endpoint(q supervisor.Migrate) (*migrate.Endpoint, error) {
	to := new(migrate.Endpoint)
	var err error
	if to.Address, err = transport.ParseAddress(q.To); err != nil {
		return nil, err
	}
	if q.TLS == nil {
		return to, nil
	}
	name := q.ServerName
	if name == "" {
		name = to.Address.Host
	}
	to.TLS, err = transport.Client(*q.TLS, name)
	return to, err
}

// channels is how many connections for memory there are where nobody has said.
func channels(wanted int) int {
	if wanted > 0 {
		return min(wanted, wire.MaxChannels)
	}
	return min(max(runtime.NumCPU(), 1), 4)
}

// moveSource is a machine that leaves.
type moveSource struct {
	*machine
	mover supervisor.Mover
	asked supervisor.Migrate
}

// parcel is what a host is told of an instance, as JSON.
type parcel struct {
	Description *instance.Description `json:"description"`
	Paused      bool                  `json:"paused"`
}

// Describe says what the machine is.
func (s *moveSource) Describe(ctx context.Context) (*wire.Describe, error) {
	d, st, err := s.mover.Instance(ctx)
	if err != nil {
		return nil, err
	}
	if reasons := staysHere(s.machine); len(reasons) > 0 {
		return nil, &instance.Error{Kind: instance.KindWrongState, Err: errors.Join(reasons...)}
	}
	text, err := json.Marshal(parcel{Description: d, Paused: st.Status == instance.Paused})
	if err != nil {
		return nil, err
	}
	described := &wire.Describe{Instance: text, MemorySize: uint64(s.description.Memory.Size), Hull: release.Version}
	if described.Disks, err = s.disks(); err != nil {
		return nil, err
	}
	return described, s.onConnection(ctx, func(c *control.Client) (err error) {
		described.Monitor, err = c.DescribeMove(ctx)
		return err
	})
}

// staysHere says what keeps a machine on its host.
func staysHere(m *machine) (reasons []error) {
	for _, s := range m.description.Shares {
		reasons = append(reasons, fmt.Errorf("share %q: what a guest has open in a folder of this host cannot move; unmount it in the guest, and boot the machine without it", s.Name))
	}
	return reasons
}

func (s *moveSource) disks() (list []wire.Disk, err error) {
	for i := range s.description.Disks {
		d := &s.description.Disks[i]
		layers, err := disk.Layers(d.Path, string(d.Format), d.Backing)
		if err != nil {
			return nil, fmt.Errorf("disk %q: %w", d.Name, err)
		}
		list = append(list, wire.Disk{Name: d.Name, Format: string(d.Format), Path: d.Path, Size: uint64(layers[0].Size), ReadOnly: d.ReadOnly})
	}
	return list, nil
}

func (s *moveSource) Begin(ctx context.Context, conns []*os.File) error {
	compression := control.Compression(s.asked.Compression)
	if compression == "auto" {
		compression = control.CompressAuto
	}
	return s.onConnection(ctx, func(c *control.Client) error {
		return c.BeginMove(ctx, conns, control.MoveOptions{Compression: compression, Rate: s.asked.Bandwidth, Verify: s.asked.Verify})
	})
}

func (s *moveSource) Pass(ctx context.Context) (pass migrate.Pass, err error) {
	err = s.onConnection(ctx, func(c *control.Client) error {
		p, err := c.MovePass(ctx)
		pass = passOf(p)
		return err
	})
	return pass, err
}

func passOf(p control.MovedPass) migrate.Pass {
	return migrate.Pass{Epoch: p.Epoch, Pages: p.Pages, Zero: p.Zero, Data: p.Data, Wire: p.Wire, Took: p.Took, Left: uint64(max(p.Left, 0))}
}

func (s *moveSource) Slow(ctx context.Context, percent int) error {
	return s.onConnection(ctx, func(c *control.Client) error {
		return c.LimitMove(ctx, control.MoveLimits{Rate: s.asked.Bandwidth, Throttle: percent})
	})
}

func (s *moveSource) Last(ctx context.Context, state *os.File) (pass migrate.Pass, err error) {
	err = s.onConnection(ctx, func(c *control.Client) error {
		last, err := c.MoveLast(ctx, state)
		pass = passOf(last.MovedPass)
		return err
	})
	return pass, err
}

func (s *moveSource) End(ctx context.Context) error {
	select {
	case <-s.ended:
		return nil // there is nothing left to undo
	default:
	}
	return s.onConnection(ctx, func(c *control.Client) error { return c.EndMove(ctx) })
}

func (s *moveSource) Hold(ctx context.Context) error  { return s.mover.Hold(ctx) }
func (s *moveSource) LetGo(ctx context.Context) error { return s.mover.LetGo(ctx) }

// Write makes a record durable. When the machine is handed over, others may have its
// disks.
func (s *moveSource) Write(ctx context.Context, r handoff.SourceRecord) handoff.Event {
	if err := s.mover.Write(ctx, r); err != nil {
		s.mover.Note(fmt.Sprintf("move: write down that it is %v: %v", r.Fate, err))
		return handoff.WriteUnclear
	}
	if r.Fate == handoff.HandedOver {
		s.unlocked.Store(true)
		if err := s.host.UnlockDisks(); err != nil {
			s.mover.Note(fmt.Sprintf("move: %v", err)) // the target says what it cannot have
		}
	}
	return handoff.WriteDone
}

func (s *moveSource) Resolved() <-chan handoff.Event { return s.mover.Resolved() }

func (s *moveSource) Log(ctx context.Context, part func([]byte) error) error {
	all, err := store.Open(s.dirs.State)
	if err != nil {
		return err
	}
	return logs.Copy(ctx, all.Dir(s.id), part)
}

func (s *moveSource) Tell(p migrate.Progress) { s.mover.Tell(supervisor.Moving(p)) }
func (s *moveSource) Note(text string)        { s.mover.Note(text) }
