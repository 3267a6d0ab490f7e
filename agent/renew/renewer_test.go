package renew

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/netconf"
)

const patience = 30 * time.Second

// recorder is a machine that only notes what is done to it.
type recorder struct {
	done []string
	fail map[string]error
	wait chan struct{} // if not nil, networks take until it is closed
}

func (m *recorder) renewer() *Renewer {
	note := func(part string, args ...any) error {
		m.done = append(m.done, part+fmt.Sprint(args...))
		return m.fail[part]
	}
	return &Renewer{
		seed:      func(b []byte) error { return note("seed ", string(b)) },
		clock:     func(n int64) error { return note("time ", n) },
		hostname:  func(s string) error { return note("hostname ", s) },
		machineID: func(s string) error { return note("machine-id ", s) },
		networks: func(list []netconf.Renewal) (errs []error) {
			if m.wait != nil {
				<-m.wait
			}
			for _, n := range list {
				errs = append(errs, note("network "+n.Device, n.Interface))
			}
			return errs
		},
		thaw: func() error { return note("thaw") },
	}
}

type noPrograms struct{}

func (noPrograms) Start(*agent.Program) (agent.Running, error) { return nil, unix.ENOEXEC }

// dial is a client of a server with the built-in.
func dial(t *testing.T, r *Renewer) *agent.Client {
	t.Helper()
	s := agent.NewServer(agent.ServerOptions{Spawner: noPrograms{}, Builtins: map[string]agent.Builtin{"renew": r.Builtin}})
	here, there := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), there) }()
	c, err := agent.NewClient(limit(t), here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

var (
	secret = strings.Repeat("secret-", 10)
	id     = strings.Repeat("0f", 16)
)

func everything() agent.Renewal {
	return agent.Renewal{
		Seed: agent.Seed(secret), Time: 1234567890123456789, Hostname: "clone", MachineID: id,
		Networks: []agent.NetworkRenewal{
			{Device: "eth0", MAC: "02:00:00:00:00:0a", Address: "dhcp"},
			{Device: "eth1", MAC: "02:00:00:00:00:0b", Address: "10.0.0.2/24", Gateway: "10.0.0.1", DNS: []string{"10.0.0.3"}},
		},
		Thaw: true,
	}
}

var everythingDone = []string{
	"seed " + secret, "time 1234567890123456789", "hostname clone", "machine-id " + id,
	"network eth0{02:00:00:00:00:0a  dhcp  []}", "network eth1{02:00:00:00:00:0b  10.0.0.2/24 10.0.0.1 [10.0.0.3]}", "thaw",
}

func TestAllPartsAreDoneInOrder(t *testing.T) {
	m := &recorder{}
	asked := everything()
	report, err := dial(t, m.renewer()).Renew(limit(t), asked)
	if err != nil || report.Err() != nil || len(report.Parts) != 7 {
		t.Errorf("got %v, %v", report, err)
	}
	if d := cmp.Diff(everythingDone, m.done); d != "" {
		t.Error(d)
	}
}

func TestAPartThatFailsDoesNotStopTheOthers(t *testing.T) {
	m := &recorder{fail: map[string]error{}}
	asked := everything()
	var want []string
	for i, part := range asked.Parts() {
		key := part
		if i < 4 {
			key += " "
		}
		m.fail[key] = fmt.Errorf("cause %d", i)
		want = append(want, fmt.Sprintf("renewal: %s: cause %d", part, i))
	}
	report, err := dial(t, m.renewer()).Renew(limit(t), asked)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(everythingDone, m.done); d != "" {
		t.Error(d)
	}
	if got := report.Err(); got == nil || got.Error() != strings.Join(want, "\n") {
		t.Errorf("got %v", got)
	}
	if text := fmt.Sprint(report); strings.Contains(text, "secret-") {
		t.Errorf("the seed is in the report: %s", text)
	}
}

func TestOnlyWhatIsAskedForIsDone(t *testing.T) {
	m := &recorder{}
	c := dial(t, m.renewer())
	if report, err := c.Renew(limit(t), agent.Renewal{}); err != nil || len(report.Parts) != 0 {
		t.Errorf("nothing: %v, %v", report, err)
	}
	if report, err := c.Renew(limit(t), agent.Renewal{Hostname: "x"}); err != nil || report.Err() != nil || len(report.Parts) != 1 {
		t.Errorf("a name: %v, %v", report, err)
	}
	if d := cmp.Diff([]string{"hostname x"}, m.done); d != "" {
		t.Error(d)
	}
}

func TestARequestThatIsWrongDoesNothing(t *testing.T) {
	for _, text := range []string{
		"", "x", `{"hostname":"a"}{}`, `{"hostname":"a","unknown":1}`, `{"hostname":"a","seed":"AAAA"}`,
		`{"hostname":"` + strings.Repeat("a", maxRequest) + `"}`,
	} {
		m := &recorder{}
		var out, words bytes.Buffer
		status := m.renewer().Builtin(t.Context(), agent.BuiltinCall{
			Args: []string{"renew"}, Stdin: strings.NewReader(text), Stdout: &out, Stderr: &words,
		})
		if status != 1 || len(m.done) != 0 || out.Len() != 0 || !strings.HasPrefix(words.String(), "renew: renewal: ") {
			t.Errorf("%.40q: status %d, %q, %q, %q", text, status, m.done, &out, &words)
		}
	}
	var words bytes.Buffer
	status := new(Renewer).Builtin(t.Context(), agent.BuiltinCall{Args: []string{"renew", "x"}, Stderr: &words})
	if status != 2 || words.String() != "renew: 1 arguments, wanted 0\n" {
		t.Errorf("status %d, %q", status, &words)
	}
}

func TestWhatHasBegunIsDoneWithoutItsClient(t *testing.T) {
	m := &recorder{wait: make(chan struct{})}
	r := m.renewer()
	thawed := make(chan struct{})
	r.thaw = func() error { close(thawed); return nil }
	asked := everything()
	text, err := json.Marshal(&asked)
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	r.machineID = func(string) error { close(began); return nil }
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan int, 1)
	go func() {
		over <- r.Builtin(ctx, agent.BuiltinCall{
			Args: []string{"renew"}, Stdin: bytes.NewReader(text), Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer),
		})
	}()
	<-began
	cancel()
	if status := <-over; status == 0 {
		t.Error("a renewal that nobody waits for is a success")
	}
	close(m.wait)
	select {
	case <-thawed:
	case <-time.After(patience):
		t.Error("what is frozen stays so when the client is gone")
	}
}

func TestAnAgentThatIsTooOldIsKnown(t *testing.T) {
	s := agent.NewServer(agent.ServerOptions{Spawner: noPrograms{}})
	here, there := net.Pipe()
	go func() { _ = s.Serve(context.Background(), there) }()
	c, err := agent.NewClient(limit(t), here)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Renew(limit(t), agent.Renewal{Thaw: true}); !errors.Is(err, agent.ErrNoBuiltin) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Renew(limit(t), agent.Renewal{Time: -1}); err == nil || errors.Is(err, agent.ErrNoBuiltin) {
		t.Errorf("what is wrong is sent: %v", err)
	}
}
