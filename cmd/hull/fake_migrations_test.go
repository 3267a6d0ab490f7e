package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// fakeMigrations move instances to nowhere, for a fakeEngine.
type fakeMigrations struct {
	moving   []manager.MigrationProgress // what Progress is told
	moves    chan struct{}               // Migrate waits for it, or for its context; nil: it does not
	moveEnds error                       // of a Migrate whose context has ended

	received []*instance.Description // by Receive, one after another; then refuses
	refused  []error                 // what Refused is told before each
	listens  string                  // where; empty for where it was asked to
}

func tlsText(f *manager.TLSFiles) string {
	if f == nil {
		return "plain"
	}
	return fmt.Sprintf("%s,%s,%s,%s", f.CA, f.Cert, f.Key, f.Name)
}

func (f *fakeEngine) Migrate(ctx context.Context, ref string, o manager.MigrateOptions) (*manager.MigrationReport, error) {
	for _, p := range f.moving {
		o.Progress(p)
	}
	err := f.simple(ref, "migrate %s to=%s tls=%s n=%d %s %d/s downtime=%v throttle=%d timeout=%v keep=%v verify=%v",
		ref, o.To, tlsText(o.TLS), o.Connections, o.Compression, o.Bandwidth, o.Downtime, o.Throttle, o.Timeout, o.Keep, o.Verify)
	if err != nil {
		return nil, err
	}
	if f.moves != nil {
		select {
		case <-f.moves:
		case <-ctx.Done():
			return nil, f.moveEnds
		}
	}
	return testReport(o.To), nil
}

func testReport(to string) *manager.MigrationReport {
	return &manager.MigrationReport{
		ID: someID("1"), Name: "web", To: to, Rounds: 3, Sent: 640 << 20, Pages: 163840, ZeroPages: 98304, Wire: 211 << 20,
		Total: 2341 * time.Millisecond, Downtime: 23*time.Millisecond + 412*time.Microsecond,
		Parts: manager.DowntimeParts{
			Pause: time.Millisecond, LastPass: 12 * time.Millisecond, State: 3 * time.Millisecond,
			Load: 5 * time.Millisecond, Resume: 2*time.Millisecond + 412*time.Microsecond,
		},
	}
}

func (f *fakeEngine) CancelMigration(_ context.Context, ref string) error {
	return f.simple(ref, "cancel-migration %s", ref)
}

func (f *fakeEngine) ResolveMigration(_ context.Context, ref string, side manager.Side) error {
	return f.simple(ref, "resolve-migration %s %s", ref, side)
}

func (f *fakeEngine) Receive(ctx context.Context, o manager.ReceiveOptions) (*instance.Description, error) {
	var disks []string
	for _, name := range slices.Sorted(maps.Keys(o.Disks)) {
		disks = append(disks, name+"="+o.Disks[name])
	}
	err := f.note("receive %s tls=%s name=%q disks=%v expire=%v unconfined=%v slow=%v kvm=%q",
		o.Listen, tlsText(o.TLS), o.Name, disks, o.Expire, o.Unconfined, o.SlowKVM, o.KVM)
	if err != nil {
		return nil, err
	}
	if f.listens == "" {
		f.listens = o.Listen
	}
	o.Listening(f.listens)
	for _, err := range f.refused {
		o.Refused(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.received) == 0 {
		f.mu.Unlock()
		<-ctx.Done() // nobody comes
		f.mu.Lock()
		return nil, cancelled("nobody")
	}
	d := f.received[0]
	f.received = f.received[1:]
	return d, nil
}
