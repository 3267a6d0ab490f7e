package launch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

type noPrograms struct{}

func (noPrograms) Start(*agent.Program) (agent.Running, error) { return nil, unix.ENOEXEC }

// notes are what a renewal says.
type notes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(b)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// guestAgent is a guest's socket behind which an agent counts renewals.
func guestAgent(t *testing.T, socket string, delay time.Duration) <-chan struct{} {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	renewed := make(chan struct{}, 16)
	server := agent.NewServer(agent.ServerOptions{Spawner: noPrograms{}, Builtins: map[string]agent.Builtin{
		"renew": func(_ context.Context, b agent.BuiltinCall) int {
			text, _ := io.ReadAll(b.Stdin)
			asked, err := agent.DecodeRenewal(text)
			if err != nil {
				return 1
			}
			time.Sleep(delay)
			var report agent.RenewalReport
			for _, name := range asked.Parts() {
				report.Parts = append(report.Parts, agent.RenewedPart{Name: name})
			}
			_ = json.NewEncoder(b.Stdout).Encode(report)
			renewed <- struct{}{}
			return 0
		},
	}})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReaderSize(c, 16)
				if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "CONNECT ") {
					return
				}
				fmt.Fprint(c, "OK 1\n")
				_ = server.Serve(context.Background(), c)
			}()
		}
	}()
	return renewed
}

func newTestedRenewal(socket string) (*renewal, *notes) {
	n := &notes{}
	return &renewal{
		socket: socket, messages: n, limits: limits{renew: 5 * time.Second, agent: 200 * time.Millisecond, retry: time.Millisecond},
		request: agent.Renewal{Seed: make([]byte, seedSize), Thaw: true},
	}, n
}

func TestAGuestIsToldOnce(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "vsock")
	renewed := guestAgent(t, socket, 0)
	r, said := newTestedRenewal(socket)
	r.limits.agent = 5 * time.Second
	r.run(t.Context())
	if len(renewed) == 0 || said.String() != "" {
		t.Errorf("it was told %d times when run has returned, and the log has %q", len(renewed), said)
	}
}

// A guest that is slow to answer is frozen until it is told: it must not be given up.
func TestAGuestThatAnswersLateIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "vsock")
	r, said := newTestedRenewal(socket)
	r.run(t.Context())
	if !strings.Contains(said.String(), "tried again") {
		t.Errorf("the log has %q", said)
	}
	renewed := guestAgent(t, socket, 0)
	select {
	case <-renewed:
	case <-time.After(20 * time.Second):
		t.Fatalf("it is never told: %s", said)
	}
}

func TestAGuestThatHasEndedIsNotTold(t *testing.T) {
	r, said := newTestedRenewal(filepath.Join(t.TempDir(), "vsock"))
	ctx, end := context.WithCancel(t.Context())
	r.run(ctx)
	end()
	time.Sleep(50 * time.Millisecond)
	before := said.String()
	time.Sleep(50 * time.Millisecond)
	if after := said.String(); after != before {
		t.Errorf("after its end the log has %q", strings.TrimPrefix(after, before))
	}
}

// The time of a request that is long on its way is wrong when it arrives.
func TestTimeIsToldAgainWhereAnAnswerTakesLong(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "vsock")
	renewed := guestAgent(t, socket, 2*timely)
	r, said := newTestedRenewal(socket)
	r.limits.agent = 5 * time.Second
	r.run(t.Context())
	if len(renewed) != 1+timeTries || said.String() != "" {
		t.Errorf("it was told %d times, and the log has %q", len(renewed), said)
	}
}
