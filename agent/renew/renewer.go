package renew

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/freezer"
	"github.com/hullvm/hull/agent/netconf"
)

// maxRequest bounds what is read of a client, in bytes.
const maxRequest = 64 << 10

// Renewer carries renewals out, one at a time.
type Renewer struct {
	turn sync.Mutex

	// How each part is done.
	seed      func([]byte) error
	clock     func(nanoseconds int64) error
	hostname  func(string) error
	machineID func(string) error
	networks  func([]netconf.Renewal) []error
	thaw      func() error
}

// New returns a Renewer of this machine. It needs no end.
func New(devices *netconf.Devices, f *freezer.Freezer) *Renewer {
	return &Renewer{
		seed:      seedKernel,
		clock:     setClock,
		hostname:  func(name string) error { return unix.Sethostname([]byte(name)) },
		machineID: machineIDFiles{"/etc/machine-id", "/run/machine-id"}.set,
		// Leases are kept for as long as the machine runs, whatever becomes of the
		// client.
		networks: func(list []netconf.Renewal) []error { return devices.Renew(context.Background(), list) },
		thaw:     func() error { return f.Thaw(context.Background()) },
	}
}

// late is how long a time may have been on its way.
const late = 30 * time.Second

// isLate reports whether a time is behind the clock by as little as its message may
// have been late: another, which was faster, has set the clock then.
func isLate(now, told int64) bool { return told < now && now-told < int64(late) }

// setClock sets the wall clock, but not back by a message that was late.
func setClock(nanoseconds int64) error {
	if isLate(time.Now().UnixNano(), nanoseconds) {
		return nil
	}
	ts := unix.NsecToTimespec(nanoseconds)
	return unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
}

// Builtin is the built-in "renew": the JSON of an agent.Renewal comes in, that of
// an agent.RenewalReport goes out. What has begun is done to its end, without
// its client if need be: there may be nobody else to thaw what is frozen.
func (r *Renewer) Builtin(ctx context.Context, b agent.BuiltinCall) int {
	if len(b.Args) != 1 {
		fmt.Fprintf(b.Stderr, "renew: %d arguments, wanted 0\n", len(b.Args)-1)
		return 2
	}
	text, err := io.ReadAll(io.LimitReader(b.Stdin, maxRequest+1))
	defer clear(text)
	var asked *agent.Renewal
	if err == nil {
		err = ctx.Err() // the end of what a client sent that is gone
	}
	if err == nil {
		asked, err = agent.DecodeRenewal(text)
	}
	if err != nil {
		fmt.Fprintf(b.Stderr, "renew: %v\n", err)
		return 1
	}
	done := make(chan agent.RenewalReport, 1)
	go func() { done <- r.Renew(asked) }()
	select {
	case report := <-done:
		if err := json.NewEncoder(b.Stdout).Encode(&report); err != nil {
			fmt.Fprintf(b.Stderr, "renew: %v\n", err)
			return 1
		}
		return 0
	case <-ctx.Done():
		return 1
	}
}

// Renew carries out a renewal that is valid, and forgets its seed.
func (r *Renewer) Renew(asked *agent.Renewal) agent.RenewalReport {
	r.turn.Lock()
	defer r.turn.Unlock()
	var report agent.RenewalReport
	note := func(name string, err error) {
		p := agent.RenewedPart{Name: name}
		if err != nil {
			p.Error = err.Error()
		}
		report.Parts = append(report.Parts, p)
	}
	if len(asked.Seed) > 0 {
		note(agent.PartSeed, r.seed(asked.Seed))
		clear(asked.Seed)
	}
	if asked.Time != 0 {
		note(agent.PartTime, r.clock(asked.Time))
	}
	if asked.Hostname != "" {
		note(agent.PartHostname, r.hostname(asked.Hostname))
	}
	if asked.MachineID != "" {
		note(agent.PartMachineID, r.machineID(asked.MachineID))
	}
	if len(asked.Networks) > 0 {
		var list []netconf.Renewal
		for _, n := range asked.Networks {
			list = append(list, netconf.Renewal{Device: n.Device, Interface: n.Interface()})
		}
		for i, err := range r.networks(list) {
			note(agent.PartNetwork+" "+list[i].Device, err)
		}
	}
	if asked.Thaw {
		note(agent.PartThaw, r.thaw())
	}
	return report
}
