package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/local"
	"github.com/hullvm/hull/internal/signaltest"
)

// The test binary is also the keeper of the hosts that tests start, and their
// emulator: a false one, whose host is this machine.
const (
	keepArgument = "keep-for-test"

	// fakeVariable says how the false emulator behaves.
	fakeVariable = "HULL_LAB_TEST_EMULATOR"
	fakeGood     = "good"     // as the true one
	fakeMute     = "mute"     // its agent never answers
	fakeAtOnce   = "at-once"  // it ends at once, with a word
	fakeStubborn = "stubborn" // it does not listen to its monitor
)

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 4 && os.Args[1] == keepArgument:
		if err := Keep(context.Background(), os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case len(os.Args) > 1 && os.Args[1] == "-name":
		os.Exit(fakeEmulator(os.Getenv(fakeVariable)))
	}
	signaltest.Default()
	os.Exit(m.Run())
}

// fakeEmulator serves the agent's pipe and the monitor's socket in the working
// directory.
func fakeEmulator(how string) int {
	if how == fakeAtOnce {
		fmt.Fprintln(os.Stderr, "no such machine")
		return 3
	}
	if how != fakeStubborn {
		l, err := net.Listen("unix", qmpSocket)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		go fakeMonitorServe(l)
	}
	if how == fakeMute {
		select {}
	}
	f := os.NewFile(agentFD, "agent")
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s := agent.NewServer(agent.ServerOptions{Spawner: hereSpawner{local.NewSpawner(local.Options{})}})
	_ = s.Serve(context.Background(), conn)
	select {} // a host lives on without a client
}

// hereSpawner keeps the machine's caches, and its names of hosts.
type hereSpawner struct{ agent.Spawner }

func (h hereSpawner) Start(p *agent.Program) (agent.Running, error) {
	if all := strings.Join(p.Args, " "); strings.Contains(all, "drop_caches") || strings.Contains(all, hostsFile) {
		p.Args = []string{"/bin/true"}
	}
	return h.Spawner.Start(p)
}

func fakeMonitorServe(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := io.WriteString(c, greetingLine+"\r\n"); err != nil {
			continue
		}
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				break
			}
			answer := okLine
			switch line := string(b[:n]); {
			case strings.Contains(line, `"quit"`):
				os.Exit(0)
			case strings.Contains(line, "info registers"):
				answer = `{"return": "CPU#0\r\nRIP=ffffffff81000104 CPL=0 HLT=1\r\n"}` + "\r\n"
			}
			if _, err := io.WriteString(c, answer); err != nil {
				break
			}
		}
		c.Close()
	}
}
