package net

import (
	"encoding/hex"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/internal/netnstest"
)

// rarpOfCard is the frame for cardMAC, byte for byte.
func rarpOfCard() string {
	mac := hex.EncodeToString(cardMAC[:])
	return "ffffffffffff" + mac + "8035" + "0001" + "0800" + "06" + "04" + "0003" +
		mac + "00000000" + mac + "00000000" + "000000000000000000000000000000000000"
}

func TestACardMakesItsPlaceKnown(t *testing.T) {
	checkDescriptors(t)
	backend := newFakeBackend(t, 1, 0)
	d, err := New(Config{Name: "eth0", MAC: cardMAC, Backend: backend, QueueSize: 64})
	if err != nil {
		t.Fatal(err)
	}
	sent := func() string {
		t.Helper()
		if err := d.SendRARP(); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 2000)
		n, err := unix.Read(backend.wires[0].fd, b)
		if err == unix.EAGAIN {
			return ""
		}
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(b[:n])
	}
	if got := sent(); got != "" {
		t.Errorf("sent %s into what is no tap", got)
	}
	backend.ports[0].Tap = true
	header := hex.EncodeToString(make([]byte, HeaderSize))
	if got, want := sent(), header+rarpOfCard(); got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	backend.ports[0].Header = false
	if got, want := sent(), rarpOfCard(); got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	d.SetLink(false)
	if got := sent(); got != "" {
		t.Errorf("sent %s with the cable out", got)
	}
	d.SetLink(true)
	_ = backend.wires[0].f.Close()
	if err := d.SendRARP(); err == nil {
		t.Error("nobody is there, and no error")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestANetworkHearsWhereACardIs(t *testing.T) {
	netnstest.Enter(t)
	devicestest.CheckGoroutines(t)
	addBridge(t, "br0")
	a := newTapCard(t, "a0", "br0", cardMAC, setup{features: FeatureMrgRXBuf})
	b := newTapCard(t, "b0", "br0", otherMAC, setup{features: FeatureMrgRXBuf})
	b.post(100, 1526)
	if err := a.device.SendRARP(); err != nil {
		t.Fatal(err)
	}
	for {
		_, frame := b.frame()
		if frame[12] == 0x80 && frame[13] == 0x35 {
			if got := hex.EncodeToString(frame); got != rarpOfCard() {
				t.Errorf("received %s, want %s", got, rarpOfCard())
			}
			break
		}
	}
	a.active.Deactivate()
	b.active.Deactivate()
}
