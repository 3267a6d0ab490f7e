package launch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
	"github.com/hullvm/hull/manager/supervisor"
)

// renewal makes a guest that goes on from a snapshot the machine that it is to be.
type renewal struct {
	socket   string    // of the guest's
	messages io.Writer // takes what could not be done
	request  agent.Renewal
	limits   limits
}

// limits are how long a guest's programs wait for their machine to be renewed, in
// which a device may wait for an answer of DHCP; how long one try waits for an agent,
// which there may be none of; and how long nothing is tried after one that failed.
type limits struct{ renew, agent, retry time.Duration }

var usualLimits = limits{renew: 30 * time.Second, agent: 10 * time.Second, retry: time.Second}

// seedSize is how many random bytes a guest gets.
const seedSize = 256

// newRenewal is what the guest of an instance has to be told; nil for one that has no
// agent of Hull's. before is the machine file of the machine that was saved.
func newRenewal(x supervisor.Launch, before []byte) (*renewal, error) {
	if x.Machine.Boot.Initrd != configs.InitrdBuilt {
		return nil, nil
	}
	r := &renewal{socket: x.Machine.Vsock.Path, messages: x.Messages, limits: usualLimits, request: agent.Renewal{Seed: make([]byte, seedSize), Thaw: true}}
	_, _ = rand.Read(r.request.Seed) // never fails
	if !x.Description.Snapshot.Clone {
		return r, nil
	}
	old, err := configs.Parse("snapshot's machine.toml", before)
	if err != nil {
		return nil, err
	}
	r.request.Hostname = x.Machine.Name
	r.request.MachineID = x.Description.ID[:32]
	for i := range x.Machine.Nets {
		if i >= len(old.Nets) {
			break // the descriptions are of one machine: load has seen it
		}
		if x.Machine.Nets[i].Address == configs.AddressNone {
			continue // it is the guest's own business
		}
		mac := func(n *configs.Net, machine string) string {
			address := n.HardwareAddr(machine)
			return net.HardwareAddr(address[:]).String()
		}
		r.request.Networks = append(r.request.Networks, networkOf(&x.Machine.Nets[i], mac(&old.Nets[i], old.Name), mac(&x.Machine.Nets[i], x.Machine.Name)))
	}
	return r, nil
}

// networkOf is what a network device of the guest becomes, that had another address.
func networkOf(n *configs.Net, before, now string) agent.NetworkRenewal {
	return agent.NetworkRenewal{Device: before, MAC: now, Address: n.Address, Gateway: n.Gateway, DNS: n.DNS}
}

// run tells the guest. One that does not answer in time, on a host that is busy, is
// told in the background for as long as ctx holds: its programs wait for it, and it is
// of no use before. What fails is told the instance's log.
func (r *renewal) run(ctx context.Context) {
	if r.told(ctx) {
		return
	}
	go func() {
		for !r.told(ctx) {
			select {
			case <-time.After(r.limits.retry):
			case <-ctx.Done():
				return
			}
		}
	}()
}

// told tells the guest once, and is false where that is to be tried again.
func (r *renewal) told(ctx context.Context) bool {
	trying, cancel := context.WithTimeoutCause(ctx, r.limits.renew, fmt.Errorf("no answer within %v", r.limits.renew))
	defer cancel()
	report, err := r.tell(trying)
	again := err != nil && !errors.Is(err, agent.ErrNoBuiltin)
	if err == nil {
		err = report.Err()
	}
	switch {
	case ctx.Err() != nil: // the machine has ended
	case again:
		fmt.Fprintf(r.messages, "hull: the guest's agent has not been told yet that it is a machine of its own now, its programs wait, and it is tried again: %v\n", err)
	case err != nil:
		fmt.Fprintf(r.messages, "hull: the guest's agent could not be told that it is a machine of its own now: %v\n", err)
	}
	return !again
}

// renewPause is how long is waited between two connections to the agent.
const renewPause = 2 * time.Millisecond

func (r *renewal) tell(ctx context.Context) (report agent.RenewalReport, err error) {
	tries, cancel := context.WithTimeoutCause(ctx, r.limits.agent, fmt.Errorf("no answer within %v", r.limits.agent))
	defer cancel()
	for {
		client, err := connectAgent(tries, r.socket)
		if err == nil {
			began := time.Now()
			r.request.Time = began.UnixNano()
			report, err := client.Renew(ctx, r.request)
			if err == nil {
				r.tellTime(ctx, client, began)
			}
			return report, errors.Join(err, client.Close())
		}
		select {
		case <-time.After(renewPause):
		case <-tries.Done():
			return report, fmt.Errorf("%w (%w)", context.Cause(tries), err)
		}
	}
}

// How long an answer may take for its request to have told the time, and how often the
// time is told again.
const (
	timely    = 50 * time.Millisecond
	timeTries = 5
)

// tellTime tells a guest the time again that may have heard it late: its clock is
// behind by as much. began is when it was told. The agent does not set it back.
func (r *renewal) tellTime(ctx context.Context, client *agent.Client, began time.Time) {
	for range timeTries {
		if time.Since(began) <= timely {
			return
		}
		began = time.Now()
		if _, err := client.Renew(ctx, agent.Renewal{Time: began.UnixNano()}); err != nil {
			fmt.Fprintf(r.messages, "hull: the guest's clock may be behind: its agent could not be told the time again: %v\n", err)
			return
		}
	}
}

// connectAgent connects to the agent of the guest whose sockets are behind path.
func connectAgent(ctx context.Context, path string) (*agent.Client, error) {
	conn, err := unixsock.Connect(ctx, path, agent.VsockPort)
	if err != nil {
		return nil, err
	}
	return agent.NewClient(ctx, conn)
}
