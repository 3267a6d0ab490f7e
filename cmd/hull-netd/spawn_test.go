package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/netd/netdtest"
	"github.com/hullvm/hull/netd/spawn"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func TestAnyFreePortIsSaid(t *testing.T) {
	netdtest.Outside(t, func() {})
	any6 := netip.MustParseAddrPort("[::1]:0")
	s := start(t, spawn.Config{Publish: []spawn.Port{
		{Protocol: "tcp", Host: loopback, Guest: 80},
		{Protocol: "tcp", Host: loopback, Guest: 80},
		{Protocol: "udp", Host: loopback, Guest: 53},
		{Protocol: "tcp", Host: any6, Guest: 80},
	}})
	seen := make(map[string]bool)
	for i, p := range s.Published {
		if p.Host.Port() == 0 || seen[p.String()] {
			t.Errorf("port %d: %v", i, p)
		}
		seen[p.String()] = true
	}
	c, err := net.Dial("tcp6", s.Published[3].Host.String())
	check(t, err)
	c.Close()
}

// script makes a program that is not hull-netd.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return path
}

func TestWhatDoesNotStart(t *testing.T) {
	netdtest.Outside(t, func() {})
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	defer tcp.Close()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	check(t, err)
	defer udp.Close()
	port := func(protocol string, a net.Addr, guest uint16) []spawn.Port {
		at := netip.AddrPort{}
		if a != nil {
			at = netip.MustParseAddrPort(a.String())
		}
		return []spawn.Port{{Protocol: protocol, Host: at, Guest: guest}}
	}
	for name, c := range map[string]struct {
		config spawn.Config
		want   string
	}{
		"TCP port in use":       {spawn.Config{Publish: port("tcp", tcp.Addr(), 80)}, "publish " + tcp.Addr().String() + ": bind: address already in use"},
		"UDP port in use":       {spawn.Config{Publish: port("udp", udp.LocalAddr(), 80)}, "publish " + udp.LocalAddr().String() + ": bind: address already in use"},
		"another's address":     {spawn.Config{Publish: port("tcp", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, 80)}, "cannot assign requested address"},
		"no such protocol":      {spawn.Config{Publish: port("sctp", tcp.Addr(), 80)}, `protocol "sctp"`},
		"no port of the guest":  {spawn.Config{Publish: port("tcp", tcp.Addr(), 0)}, "the guest's port is 0"},
		"MTU":                   {spawn.Config{MTU: 67}, "MTU 67: want 68 to 65535"},
		"MAC":                   {spawn.Config{GuestMAC: "nonsense"}, `MAC address "nonsense"`},
		"no program":            {spawn.Config{Program: "/nowhere/hull-netd"}, "no such file"},
		"another program":       {spawn.Config{Program: script(t, "exit 0")}, "ended before it was ready"},
		"a program that chats":  {spawn.Config{Program: script(t, "yes >&4")}, `it says "y"`},
		"a program that denies": {spawn.Config{Program: script(t, "echo 'failed: no wish to' >&4")}, "user-mode network: no wish to"},
	} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			if c.config.Program == "" {
				c.config.Program = program
			}
			if c.config.GuestMAC == "" {
				c.config.GuestMAC = netdtest.MAC
			}
			s, err := spawn.Start(context.Background(), c.config)
			if err == nil {
				s.Socket.Close()
				t.Fatalf("it starts; %v", wait(s.Process))
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, want %q in it", err, c.want)
			}
		})
	}
}

func TestAStartThatIsGivenUp(t *testing.T) {
	noLeaks(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	stop := time.AfterFunc(100*time.Millisecond, func() { cancel(enough) })
	defer stop.Stop()
	_, err := spawn.Start(ctx, spawn.Config{Program: script(t, "exec sleep 1000"), GuestMAC: netdtest.MAC})
	if !errors.Is(err, enough) {
		t.Errorf("%v, want %v", err, enough)
	}
}

func TestAProcessThatDiesIsSeenAtTheSocket(t *testing.T) {
	netdtest.Outside(t, func() {})
	noLeaks(t)
	s, err := spawn.Start(context.Background(), spawn.Config{Program: program, GuestMAC: netdtest.MAC})
	check(t, err)
	defer s.Socket.Close()
	check(t, s.Process.Process.Kill())
	deadline, _ := soon(t).Deadline()
	check(t, s.Socket.SetReadDeadline(deadline))
	if n, err := s.Socket.Read(make([]byte, 100)); err != io.EOF {
		t.Errorf("read %d, %v", n, err)
	}
	if err := wait(s.Process); err == nil {
		t.Error("it ended well")
	}
}

func TestATerminationIsNoFailure(t *testing.T) {
	netdtest.Outside(t, func() {})
	noLeaks(t)
	s, err := spawn.Start(context.Background(), spawn.Config{Program: program, GuestMAC: netdtest.MAC})
	check(t, err)
	defer s.Socket.Close()
	check(t, s.Process.Process.Signal(unix.SIGINT)) // is the monitor's to heed
	check(t, s.Process.Process.Signal(unix.SIGTERM))
	check(t, wait(s.Process))
}

// A guest's worst does not end the process, nor have it take the host's memory.
func TestTheProcessOutlivesAHostileGuest(t *testing.T) {
	s := start(t, spawn.Config{})
	g := guestOf(t, s, 1500)
	_, at := listen(t)
	here := netip.MustParseAddr("10.0.2.15")
	for i := range 30000 {
		from := netip.AddrPortFrom(here, uint16(1024+i))
		for _, frame := range [][]byte{
			nil,
			{1},
			make([]byte, 13), make([]byte, 14), make([]byte, 1<<16),
			netdtest.ARP(here, netip.MustParseAddr("10.0.2.2")),
			netdtest.Ethernet([6]byte{255, 255, 255, 255, 255, 255}, 0x0806, make([]byte, i%64)),
			netdtest.UDP(from, at, make([]byte, i%1400)),
			netdtest.SYN(netip.AddrPortFrom(here.Next(), from.Port()), at),
			netdtest.UDP(from, netip.MustParseAddrPort("10.0.2.2:53"), []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01")),
			netdtest.UDP(netip.MustParseAddrPort("0.0.0.0:68"), netip.MustParseAddrPort("255.255.255.255:67"), make([]byte, 300)),
		} {
			g.Send(frame)
		}
	}
	pid := s.Process.Process.Pid
	if kib := resident(t, pid); kib > 400<<10 {
		t.Errorf("it has %d KiB", kib)
	}
	list, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	if err == nil && len(list) > 2000 {
		t.Errorf("it has %d descriptors", len(list))
	}
	// And it serves: all that may be open at a time is, so that a ping has to do.
	pings(t, g)
}

// pings waits for an answer of the gateway's.
func pings(t *testing.T, g *netdtest.Guest) {
	t.Helper()
	heard := make(chan struct{}, 1)
	g.See(func(frame []byte) {
		if len(frame) > 34 && frame[23] == 1 && frame[34] == 0 {
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	})
	echo := []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		g.Send(netdtest.IPv4(netip.MustParseAddr("10.0.2.15"), netip.MustParseAddr("10.0.2.2"), 1, echo))
		select {
		case <-heard:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("no answer")
}

// resident is how much memory a process has, in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	check(t, err)
	for line := range strings.Lines(string(b)) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "VmHWM:" {
			kib, err := strconv.Atoi(words[1])
			check(t, err)
			return kib
		}
	}
	t.Fatalf("no VmHWM in %s", b)
	return 0
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"-mac", netdtest.MAC, "more"},
		{"-mac", netdtest.MAC, "-tcp", "5"},
		{"-mac", netdtest.MAC, "-tcp", "4=80"},
		{"-mac", netdtest.MAC, "-tcp", "5=0"},
		{"-mac", netdtest.MAC, "-udp", "x=80"},
		{"-mac", netdtest.MAC, "-udp", "5=65536"},
		{"-mac", netdtest.MAC, "-tcp", "5=80", "-udp", "5=80"},
		{"-mtu", "x"},
		{"-nonsense"},
	} {
		if _, err := parse(args, new(bytes.Buffer)); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	o, err := parse([]string{"-mac", netdtest.MAC, "-mtu", "9000", "-tcp", "5=80", "-udp", "6=53", "-host-loopback"}, new(bytes.Buffer))
	if err != nil || o.mtu != 9000 || !o.hostLoopback || o.tcp[0] != (published{5, 80}) || o.udp[0] != (published{6, 53}) {
		t.Errorf("%+v, %v", o, err)
	}
	var exit *exec.ExitError
	if err := exec.Command(program, "-nonsense").Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("wrong arguments: %v, want exit status 2", err)
	}
}

// Descriptors that are not what they should be end it before it serves.
func TestDescriptorsOfTheWrongKind(t *testing.T) {
	r, w, err := os.Pipe()
	check(t, err)
	defer r.Close()
	defer w.Close()
	for _, args := range [][]string{{"-tcp", "5=80"}, {"-udp", "5=80"}, {"-tcp", "9=80"}} {
		ready, readyW, err := os.Pipe()
		check(t, err)
		cmd := exec.Command(program, append([]string{"-mac", netdtest.MAC, "-unconfined"}, args...)...)
		cmd.ExtraFiles = []*os.File{r, readyW, r}
		err = cmd.Run()
		readyW.Close()
		text, _ := io.ReadAll(ready)
		ready.Close()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).ExitStatus() != 1 || !bytes.HasPrefix(text, []byte("failed: descriptor")) {
			t.Errorf("%q: %v, %q", args, err, text)
		}
	}
}
