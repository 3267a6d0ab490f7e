package netdtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
)

// Addresses of the world. The host is where the network runs; beyond a cable is
// another host.
const (
	HostAddress   = "198.51.100.1" // of the host
	Broadcast     = "198.51.100.255"
	OtherAddress  = "198.51.100.2" // of the other host
	FarAddress    = "203.0.113.7"  // of the other host, beyond the host's own network
	MetadataOne   = "169.254.169.254"
	MetadataTwo   = "100.100.100.200"
	SecondAddress = "192.0.2.77" // of the host, on no network
)

const worldEnv = "HULL_TEST_WORLD"

// Main runs a test binary's tests in a world of their own, whose addresses are
// the constants above, and returns what it exits with. Where namespaces are not
// to be had, the tests run where they are, and Outside skips.
func Main(m *testing.M) int {
	switch os.Getenv(worldEnv) {
	case "enter":
		if err := build(); err != nil {
			fmt.Fprintln(os.Stderr, "test world:", err)
			return 1
		}
		os.Setenv(worldEnv, "there")
		return m.Run()
	case "there": // a fuzzer's worker
		missing = errors.New("they are another process's")
		return m.Run()
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), worldEnv+"=enter")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	runtime.LockOSThread() // the parent whose death is the child's
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	case err != nil:
		missing = err
		return m.Run()
	}
	return 0
}

// missing is why there is no world.
var missing error

// other runs functions on the other host.
var other = make(chan func())

// Outside calls f on the other host. It skips the test where there is none.
func Outside(tb testing.TB, f func()) {
	tb.Helper()
	if missing != nil {
		hosttest.Missing(tb, "namespaces for a test's network: %v", missing)
	}
	done := make(chan struct{})
	other <- func() {
		defer close(done)
		f()
	}
	<-done
}

// build makes the world of the namespaces that the process was born in.
func build() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	made := make(chan error)
	go func() {
		// The thread is the other host, and is never used for anything else.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		made <- err
		if err == nil {
			for f := range other {
				f()
			}
		}
	}()
	if err := <-made; err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	thread := make(chan int)
	other <- func() { go func(id int) { thread <- id }(unix.Gettid()) }
	if err := cable(<-thread); err != nil {
		return err
	}
	other <- func() {
		err := addresses("lo", FarAddress+"/32")
		if err == nil {
			err = addresses("other0", OtherAddress+"/24")
		}
		go func() { made <- err }()
	}
	return <-made
}

// addresses gives a device addresses and brings it up.
func addresses(name string, prefixes ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, p := range prefixes {
		a, err := netlink.ParseAddr(p)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, a); err != nil {
			return fmt.Errorf("%s: %s: %w", name, p, err)
		}
	}
	return netlink.LinkSetUp(link)
}

// cable joins the two hosts. It runs on the host.
func cable(thread int) error {
	ns, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", thread))
	if err != nil {
		return err
	}
	defer ns.Close()
	veth := netlink.NewVeth(netlink.NewLinkAttrs())
	veth.Name, veth.PeerName, veth.PeerNamespace = "host0", "other0", netlink.NsFd(ns.Fd())
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	if err := addresses("lo", MetadataOne+"/32", MetadataTwo+"/32", SecondAddress+"/32"); err != nil {
		return err
	}
	if err := addresses("host0", HostAddress+"/24"); err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(OtherAddress)})
}

// Resolvers has the host's resolv.conf be a text while the test runs.
func Resolvers(tb testing.TB, text string) {
	tb.Helper()
	Outside(tb, func() {})
	f, err := os.CreateTemp("", "resolv.conf")
	if err != nil {
		tb.Fatal(err)
	}
	name := f.Name()
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = unix.Mount(name, "/etc/resolv.conf", "", unix.MS_BIND, "")
	}
	if err != nil {
		tb.Fatalf("resolv.conf: %v", err)
	}
	tb.Cleanup(func() {
		_ = unix.Unmount("/etc/resolv.conf", unix.MNT_DETACH)
		os.Remove(name)
	})
}
