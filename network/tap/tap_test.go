package tap

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/hullvm/hull/internal/netnstest"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestATapIsMadeAndGoesWithItsDescriptors(t *testing.T) {
	netnstest.Enter(t)
	for _, queues := range []int{0, 1, 4} {
		tap, err := Open("hull%d", Options{Queues: queues, VNetHdr: true})
		if err != nil {
			t.Fatal(err)
		}
		if tap.Name != "hull0" || len(tap.Files) != max(queues, 1) {
			t.Errorf("tap %q with %d queues", tap.Name, len(tap.Files))
		}
		if err := tap.Close(); err != nil {
			t.Error(err)
		}
		if _, err := netlink.LinkByName("hull0"); err == nil {
			t.Error("the tap is still there")
		}
	}
}

func TestAPersistentTapStays(t *testing.T) {
	netnstest.Enter(t)
	for range 2 { // made, then opened
		tap, err := Open("hull7", Options{Persistent: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := tap.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open("hull7", Options{Exclusive: true}); !errors.Is(err, unix.EBUSY) || !strings.HasSuffix(err.Error(), "it is there already") {
		t.Errorf("made it once more: %v", err)
	}
	for range 2 { // the second finds nothing
		if err := Remove("hull7"); err != nil {
			t.Error(err)
		}
	}
	if _, err := netlink.LinkByName("hull7"); err == nil {
		t.Error("the tap is still there")
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	netnstest.Enter(t)
	single, err := Open("single", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer single.Close()
	several, err := Open("several", Options{Queues: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer several.Close()
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "bridge"}}); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tun"}, Mode: netlink.TUNTAP_MODE_TUN}); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		name string
		o    Options
		want string
	}{
		{"abcdefghijklmnop", Options{}, "name of 16 bytes: at most 15"},
		{"a/b", Options{}, "no spaces, slashes"},
		{"a b", Options{}, "no spaces, slashes"},
		{"..", Options{}, "no spaces, slashes"},
		{"a\x00b", Options{}, "no spaces, slashes"},
		{"a%db%d", Options{}, "at most one %d"},
		{"a%s", Options{}, "at most one %d"},
		{"hull%d", Options{Queues: 257}, "257 queues"},
		{"hull%d", Options{Queues: -1}, "-1 queues"},
		{"single", Options{}, "device or resource busy: it is in use"},
		{"single", Options{Queues: 2}, "made for one queue"},
		{"several", Options{}, "made for several queues"},
		{"bridge", Options{}, "another kind, bridge"},
		{"tun", Options{}, "it is a tun"},
	} {
		tap, err := Open(k.name, k.o)
		if err == nil {
			tap.Close()
			t.Errorf("%q %+v: opened", k.name, k.o)
			continue
		}
		if !strings.HasPrefix(err.Error(), "tap ") || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%q %+v: %v, want %q", k.name, k.o, err, k.want)
		}
	}
	for _, name := range []string{"bridge"} {
		if err := Remove(name); err == nil {
			t.Errorf("removed %s", name)
		}
	}
}

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.ENOENT: "load the module tun",
		unix.ENODEV: "load the module tun",
		unix.EACCES: "for root",
		unix.EMFILE: "too many open files",
	} {
		if err := openError(errno); !errors.Is(err, errno) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	netnstest.Enter(t)
	err := attachError("hull0", Options{Queues: 2}, unix.EPERM)
	if !strings.Contains(err.Error(), "ip tuntap add hull0 mode tap user $USER multi_queue") {
		t.Error(err)
	}
}

func TestTheHostsEndIsSetUp(t *testing.T) {
	netnstest.Enter(t)
	tap, err := Open("", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	mac := net.HardwareAddr{0xfe, 1, 2, 3, 4, 5}
	if err := Configure(tap.Name, Link{MAC: mac, MTU: 1400, Bridge: "br0", Up: true}); err != nil {
		t.Fatal(err)
	}
	link, err := netlink.LinkByName(tap.Name)
	if err != nil {
		t.Fatal(err)
	}
	a := link.Attrs()
	if !bytes.Equal(a.HardwareAddr, mac) || a.MTU != 1400 || a.MasterIndex != bridge.Index || a.Flags&net.FlagUp == 0 {
		t.Errorf("%+v", a)
	}
	if err := Configure(tap.Name, Link{}); err != nil {
		t.Error(err)
	}
	for _, k := range []struct {
		name string
		l    Link
		want string
	}{
		{"nothing", Link{}, "not found"},
		{tap.Name, Link{MTU: 1}, "set MTU 1"},
		{tap.Name, Link{MAC: net.HardwareAddr{1, 2, 3, 4, 5, 6}}, "set MAC 01:02:03:04:05:06"},
		{tap.Name, Link{Bridge: "nothing"}, `join bridge "nothing"`},
		{tap.Name, Link{Bridge: tap.Name}, "another kind"},
	} {
		if err := Configure(k.name, k.l); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%q %+v: %v, want %q", k.name, k.l, err, k.want)
		}
	}
}

func TestDescriptorsOfAnother(t *testing.T) {
	netnstest.Enter(t)
	tap, err := Open("hull0", Options{VNetHdr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	dup, err := unix.Dup(int(tap.Files[0].Fd()))
	if err != nil {
		t.Fatal(err)
	}
	again, err := FromFD(dup)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Name != "hull0" || len(again.Files) != 1 {
		t.Errorf("%+v", again)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, err := FromFD(int(null.Fd())); err == nil || !strings.Contains(err.Error(), "not a tap") {
		t.Errorf("%v", err)
	}
}
