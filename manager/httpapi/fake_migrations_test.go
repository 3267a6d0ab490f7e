package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// testProgress is of a move that has begun its second pass.
func testProgress() manager.MigrationProgress {
	return manager.MigrationProgress{
		Phase: "copying", Round: 2, Sent: 520 << 20, Total: 512 << 20, Left: 8 << 20, Rate: 400 << 20, DirtyRate: 20 << 20,
		ExpectedDowntime: 21 * time.Millisecond, Elapsed: 1300 * time.Millisecond,
	}
}

func testReport(to string) *manager.MigrationReport {
	return &manager.MigrationReport{
		ID: testID, Name: "web", To: to, Rounds: 3, Sent: 528 << 20, Pages: 135168, ZeroPages: 98304, Wire: 61 << 20,
		Total: 1340 * time.Millisecond, Downtime: 23 * time.Millisecond,
		Parts: manager.DowntimeParts{
			Pause: time.Millisecond, LastPass: 12 * time.Millisecond, State: 3 * time.Millisecond, Load: 5 * time.Millisecond, Resume: 2 * time.Millisecond,
		},
	}
}

func tlsText(f *manager.TLSFiles) string {
	if f == nil {
		return "plain"
	}
	return fmt.Sprintf("%s,%s,%s,%s", f.CA, f.Cert, f.Key, f.Name)
}

func (f *fakeEngine) Migrate(ctx context.Context, ref string, o manager.MigrateOptions) (*manager.MigrationReport, error) {
	err := f.on(ref, "migrate to=%s tls=%s n=%d %s %d/s downtime=%v throttle=%d timeout=%v keep=%v verify=%v",
		o.To, tlsText(o.TLS), o.Connections, o.Compression, o.Bandwidth, o.Downtime, o.Throttle, o.Timeout, o.Keep, o.Verify)
	for range f.rounds {
		o.Progress(testProgress())
	}
	if err := errors.Join(err, f.blocked(ctx)); err != nil {
		return nil, err
	}
	return testReport(o.To), nil
}

func (f *fakeEngine) CancelMigration(_ context.Context, ref string) error {
	return f.on(ref, "cancel migration")
}

func (f *fakeEngine) ResolveMigration(_ context.Context, ref string, side manager.Side) error {
	return f.on(ref, "resolve migration %s", side)
}

func (f *fakeEngine) Receive(ctx context.Context, o manager.ReceiveOptions) (*instance.Description, error) {
	var disks []string
	for _, name := range slices.Sorted(maps.Keys(o.Disks)) {
		disks = append(disks, name+"="+o.Disks[name])
	}
	err := f.did("receive %s tls=%s name=%q disks=%s expire=%v unconfined=%v slow=%v kvm=%q",
		o.Listen, tlsText(o.TLS), o.Name, strings.Join(disks, ","), o.Expire, o.Unconfined, o.SlowKVM, o.KVM)
	if err != nil && f.rounds == 0 {
		return nil, err
	}
	o.Listening(o.Listen)
	for range f.rounds {
		o.Refused(errors.New("from 192.0.2.7: greeting: it has no certificate"))
	}
	if err := errors.Join(err, f.blocked(ctx)); err != nil {
		return nil, err
	}
	d := testDescription()
	return &d, nil
}
