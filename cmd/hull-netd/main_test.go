package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
	"github.com/hullvm/hull/netd/netdtest"
	"github.com/hullvm/hull/netd/spawn"
)

// patience is how long tests wait for what has to come.
const patience = 20 * time.Second

// program is hull-netd, built as it is shipped: without cgo.
var program = os.Getenv("HULL_NETD")

func TestMain(m *testing.M) {
	if program != "" {
		os.Exit(netdtest.Main(m))
	}
	os.Exit(hosttest.WithPrograms(func(dir string) int {
		program = filepath.Join(dir, "hull-netd")
		os.Setenv("HULL_NETD", program)
		return netdtest.Main(m)
	}, "."))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start starts hull-netd. It has to end well when the test closes its socket.
func start(t testing.TB, c spawn.Config) *spawn.Server {
	t.Helper()
	netdtest.Outside(t, func() {})
	noLeaks(t)
	var stderr bytes.Buffer
	c.Program, c.GuestMAC, c.Stderr = program, netdtest.MAC, &stderr
	s, err := spawn.Start(context.Background(), c)
	check(t, err)
	t.Cleanup(func() {
		s.Socket.Close()
		if err := wait(s.Process); err != nil || stderr.Len() > 0 {
			t.Errorf("hull-netd ended with: %v\n%s", err, stderr.Bytes())
		}
	})
	return s
}

// wait waits for the process to end by itself.
func wait(cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		return errors.Join(errors.New("it does not end"), <-ended)
	}
}

// noLeaks fails the test where it leaves descriptors, goroutines or processes
// behind.
func noLeaks(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	t.Cleanup(func() {
		for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
			runtime.Gosched()
		}
		if runtime.NumGoroutine() > goroutines || descriptors(t) > files {
			t.Errorf("%d goroutines, %d before; %d descriptors, %d before", runtime.NumGoroutine(), goroutines, descriptors(t), files)
		}
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
			t.Errorf("process %d is left, %v", pid, err)
		}
	})
}

func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	return len(list)
}

func guestOf(t testing.TB, s *spawn.Server, mtu int) *netdtest.Guest {
	t.Helper()
	g := netdtest.NewGuest(t, s.Socket, mtu)
	g.SetAddress(netip.MustParseAddr("10.0.2.15"))
	return g
}

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// listen listens on the other host.
func listen(t testing.TB) (net.Listener, netip.AddrPort) {
	t.Helper()
	var l net.Listener
	netdtest.Outside(t, func() {
		var err error
		l, err = net.Listen("tcp4", net.JoinHostPort(netdtest.FarAddress, "0"))
		if err != nil {
			t.Error(err)
		}
	})
	if l == nil {
		t.FailNow()
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().(*net.TCPAddr).AddrPort()
}

// everything has a guest do what a guest does.
func everything(t *testing.T, c spawn.Config) {
	t.Helper()
	netdtest.Resolvers(t, "nameserver 127.0.0.53\n")
	names, err := net.ListenPacket("udp4", "127.0.0.53:53")
	check(t, err)
	t.Cleanup(func() { names.Close() })
	any4 := netip.MustParseAddrPort("127.0.0.1:0")
	c.Publish = []spawn.Port{{Protocol: "tcp", Host: any4, Guest: 80}, {Protocol: "udp", Host: any4, Guest: 5353}}
	s := start(t, c)
	t.Logf("confinement: %s", s.Confinement)
	g := guestOf(t, s, 1500)
	deadline, _ := soon(t).Deadline()

	// Out, by TCP.
	l, at := listen(t)
	out, err := g.DialTCP(soon(t), at)
	check(t, err)
	in, err := l.Accept()
	check(t, err)
	defer in.Close()
	passes(t, out, in)
	passes(t, in, out)

	// In, by TCP.
	server := g.ListenTCP(80)
	client, err := net.Dial("tcp4", s.Published[0].Host.String())
	check(t, err)
	defer client.Close()
	accepted, err := server.Accept()
	check(t, err)
	passes(t, client, accepted)
	passes(t, accepted, client)

	// In, by UDP.
	datagrams := g.ListenUDP(5353)
	sender, err := net.Dial("udp4", s.Published[1].Host.String())
	check(t, err)
	defer sender.Close()
	buf := make([]byte, 100)
	_, err = sender.Write([]byte("ping"))
	check(t, err)
	n, from, err := datagrams.ReadFrom(buf)
	check(t, err)
	_, err = datagrams.WriteTo(append(buf[:n:n], " pong"...), from)
	check(t, err)
	check(t, sender.SetDeadline(deadline))
	if n, err := sender.Read(buf); err != nil || string(buf[:n]) != "ping pong" {
		t.Errorf("got %q, %v", buf[:n], err)
	}

	// Out, by UDP, to the name server.
	q, err := g.DialUDP(netip.MustParseAddrPort("10.0.2.2:53"))
	check(t, err)
	defer q.Close()
	query := []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01")
	_, err = q.Write(query)
	check(t, err)
	check(t, names.SetDeadline(deadline))
	n, from, err = names.ReadFrom(buf)
	if err != nil || !bytes.Equal(buf[:n], query) {
		t.Fatalf("the name server got %q, %v", buf[:n], err)
	}
	_, err = names.WriteTo(buf[:n], from)
	check(t, err)
	check(t, q.SetDeadline(deadline))
	if n, err := q.Read(buf); err != nil || !bytes.Equal(buf[:n], query) {
		t.Errorf("got %q, %v", buf[:n], err)
	}
}

// passes sends bytes from a to b, and ends that direction.
func passes(t *testing.T, a, b net.Conn) {
	t.Helper()
	want := bytes.Repeat([]byte("0123456789"), 20000)
	sent := make(chan error, 1)
	go func() {
		_, err := a.Write(want)
		if err == nil {
			err = a.(interface{ CloseWrite() error }).CloseWrite()
		}
		sent <- err
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d, or others; %v", len(got), len(want), err)
	}
	check(t, <-sent)
}

func TestTheConfinedNetworkDoesItsWork(t *testing.T) {
	for _, c := range []spawn.Config{{}, {HostLoopback: true}} {
		t.Run(fmt.Sprintf("loopback %v", c.HostLoopback), func(t *testing.T) { everything(t, c) })
	}
}

// An ordinary user's network has namespaces where ordinary users may have them,
// and works all the same.
func TestAsAUser(t *testing.T) {
	if os.Getenv("HULL_TEST_AS_USER") == "" {
		t.Skip("run as one, by the test below")
	}
	s := start(t, spawn.Config{})
	t.Logf("confinement: %s", s.Confinement)
	g := guestOf(t, s, 1500)
	l, at := listen(t)
	out, err := g.DialTCP(soon(t), at)
	check(t, err)
	in, err := l.Accept()
	check(t, err)
	defer in.Close()
	passes(t, out, in)
}

func TestAnyUserHasANetwork(t *testing.T) {
	if os.Getenv("HULL_TEST_AS_USER") != "" || os.Geteuid() != 0 {
		t.Skip("only root becomes another user, and the other tests are run as one then")
	}
	self := filepath.Join(filepath.Dir(program), "test")
	b, err := os.ReadFile("/proc/self/exe")
	check(t, err)
	check(t, os.WriteFile(self, b, 0o755))
	// Outside of the world of this test, whose namespaces an ordinary user has no
	// rights in, into one of its own.
	cmd := exec.Command(self, "-test.run=^TestAsAUser$", "-test.v")
	cmd.Env = []string{"HULL_NETD=" + program, "HULL_TEST_AS_USER=1", "CI=" + os.Getenv("CI")}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAsAUser") {
		if strings.Contains(string(out), "--- SKIP") {
			t.Skipf("%s", out)
		}
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
