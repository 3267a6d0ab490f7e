package net

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/internal/vhost"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

const stateOffloads = FeatureGuestCSUM | FeatureGuestTSO4 | FeatureGuestTSO6

// busySetup is of a card whose driver sets all that there is.
var busySetup = setup{
	pairs: 2, offloads: stateOffloads, eventIdx: true,
	features: controlFeatures | FeatureMQ | FeatureMTU | FeatureCtrlGuestOffloads | stateOffloads,
	config:   func(c *Config) { c.MTU = 1400 },
}

var groupMAC = MAC{1, 0, 0x5e, 0, 0, 1}

// busyCard is a card whose driver has set all that there is, paused.
func busyCard(t testing.TB) *card {
	t.Helper()
	c := newCard(t, busySetup)
	for _, k := range []struct {
		class, command byte
		data           []byte
	}{
		{ctrlRX, ctrlRXPromisc, []byte{0}},
		{ctrlRX, ctrlRXAllMulti, []byte{0}},
		{ctrlMAC, ctrlMACTableSet, join(table(MAC{2, 9}, MAC{2, 8}), table(groupMAC))},
		{ctrlMAC, ctrlMACAddrSet, otherMAC[:]},
		{ctrlMQ, ctrlMQVQPairsSet, le16(2)},
		{ctrlGuestOffloads, ctrlGuestOffloadsSet, le64(FeatureGuestCSUM | FeatureGuestTSO4)},
	} {
		if got := c.do(k.class, k.command, k.data); got != ctrlOK {
			t.Fatalf("command %d/%d: answer %d", k.class, k.command, got)
		}
	}
	if !c.device.Announce() {
		t.Fatal("the driver cannot be asked")
	}
	c.device.Pause()
	return c
}

// idleCard is a card that is not active, with its cable pulled.
func idleCard(t testing.TB) *card {
	t.Helper()
	c := newIdleCard(t, busySetup)
	c.device.SetLink(false)
	return c
}

func TestStatesAreKept(t *testing.T) {
	for name, made := range map[string]func(testing.TB) *card{"busy": busyCard, "idle": idleCard} {
		t.Run(name, func(t *testing.T) {
			c := made(t)
			before := vmstatetest.Bytes(t, c.device)
			fresh := newIdleCard(t, busySetup).device
			vmstatetest.RoundTrip(t, c.device, fresh)
			if !bytes.Equal(before, vmstatetest.Bytes(t, c.device)) {
				t.Error("saving changed the card")
			}
			vmstatetest.Golden(t, "v1-"+name, false, c.device, newIdleCard(t, busySetup).device)
		})
	}
}

func TestACardThatIsLoadedGoesOnAsItsDriverLeftIt(t *testing.T) {
	c := busyCard(t)
	again := c.restored(busySetup)
	if offloads, pairs := again.backend.told(); len(pairs) != 0 || offloads[len(offloads)-1] != FeatureGuestCSUM|FeatureGuestTSO4 {
		t.Errorf("while held, the backend was told of offloads %#x, pairs %d", offloads, pairs)
	}
	again.device.Resume()
	if _, pairs := again.backend.told(); fmt.Sprint(pairs) != "[2]" {
		t.Errorf("pairs %d, want 2", pairs)
	}
	var space [configSize]byte
	again.device.ReadConfig(0, space[:])
	if MAC(space[:]) != otherMAC || again.device.MAC() != otherMAC || space[configStatus] != statusLinkUp|statusAnnounce {
		t.Errorf("configuration %x", space)
	}
	again.post(8, 2048)
	for _, f := range []struct {
		to   MAC
		want bool
	}{{cardMAC, false}, {otherMAC, true}, {MAC{2, 8}, true}, {MAC{2, 7}, false}, {groupMAC, true}, {MAC{1, 1}, false}, {broadcast, true}} {
		again.backend.wires[0].send(join(plain(), ethernet(f.to, MAC{2, 1, 1}, 100)))
		if !f.want {
			continue
		}
		if _, got := again.frame(); MAC(got) != f.to {
			t.Errorf("a frame to %v, want %v", MAC(got), f.to)
		}
	}
	if got := again.do(ctrlAnnounce, ctrlAnnounceAck); got != ctrlOK {
		t.Errorf("answer %d to an acknowledgement", got)
	}
	if !again.device.Announce() || again.do(ctrlAnnounce, ctrlAnnounceAck) != ctrlOK {
		t.Error("the driver cannot be asked to announce itself")
	}
	// The second pair is served, and after a reset nothing of it all is left.
	again.tx(1).Do(t, [][]byte{plain(), ethernet(broadcast, otherMAC, 60)}, nil)
	again.backend.wires[1].receive()
	again.active.Deactivate()
	if got, want := vmstatetest.Bytes(t, again.device), vmstatetest.Bytes(t, newIdleCard(t, busySetup).device); !bytes.Equal(got, want) {
		t.Errorf("after a reset the state is %x, want %x", got, want)
	}
	// The card that was saved goes on as well.
	c.device.Resume()
	if got := c.do(ctrlAnnounce, ctrlAnnounceAck); got != ctrlOK {
		t.Errorf("the one that was saved: answer %d to an acknowledgement", got)
	}
	c.device.Pause() // as it was when the other's leaks began to be looked for
}

// Nothing of a card that is held moves, whatever there is for it to do.
func TestACardThatIsHeldDoesNothing(t *testing.T) {
	c := newCard(t, setup{features: controlFeatures})
	c.post(4, 2048)
	c.device.Pause()
	again := c.restored(setup{features: controlFeatures})
	again.tx(0).Add([][]byte{plain(), ethernet(broadcast, cardMAC, 60)}, nil)
	again.queues[2].Add([][]byte{{ctrlRX, ctrlRXPromisc}, {0}}, []int{1})
	for _, q := range again.queues {
		q.Queue().Kick()
	}
	again.backend.wires[0].send(join(plain(), ethernet(cardMAC, otherMAC, 70)))
	before := make([]virtq.Position, 0, 3)
	for _, q := range again.queues {
		before = append(before, q.Queue().Position())
	}
	again.device.Pause()
	time.Sleep(20 * time.Millisecond) // time for what must not be
	again.backend.wires[0].quiet()
	for i, q := range again.queues {
		if got := q.Queue().Position(); got != before[i] || q.Pending() == 0 {
			t.Errorf("queue %d moved from %+v to %+v", i, before[i], got)
		}
		if _, ok := q.Poll(); ok {
			t.Errorf("queue %d used something", i)
		}
	}
	again.device.Resume()
	again.backend.wires[0].receive()
	if _, got := again.frame(); len(got) != 70 {
		t.Errorf("a frame of %d bytes", len(got))
	}
	again.queues[2].Wait(t)
}

func TestACardThatIsHeldCanEnd(t *testing.T) {
	c := busyCard(t)
	again := c.restored(busySetup)
	again.active.Deactivate()
	again.activate(busySetup) // another driver
	again.tx(0).Do(t, [][]byte{plain(), ethernet(broadcast, cardMAC, 60)}, nil)
	again.backend.wires[0].receive()
	_ = c.restored(busySetup) // and one that ends with its machine
}

// Each frame goes out once, through the card that was saved or the one that was
// loaded, wherever the card was.
func TestNoFrameIsSentTwice(t *testing.T) {
	const frames = 400
	rng := rand.New(rand.NewPCG(1, 2))
	s := setup{features: controlFeatures, eventIdx: true, size: 16, config: func(c *Config) { c.QueueSize = 16 }}
	c := newCard(t, s)
	var got []uint32
	// take takes what is on the wire. One that nobody reads fills up: frames wait
	// in the card then.
	take := func(want uint32) {
		for uint32(len(got)) < want {
			p := c.backend.wires[0].receive()
			got = append(got, binary.LittleEndian.Uint32(p[HeaderSize+ethernetSize:]))
		}
	}
	n := uint32(0)
	for n < frames {
		for range rng.IntN(12) {
			f := ethernet(broadcast, cardMAC, 20<<10)
			binary.LittleEndian.PutUint32(f[ethernetSize:], n)
			if _, ok := c.tx(0).TryAdd([][]byte{plain(), f}, nil); !ok {
				break
			}
			n++
		}
		c.tx(0).Kick()
		if rng.IntN(3) == 0 {
			c.device.Pause()
			old := c
			c = c.restored(s)
			// What the one that was saved has written is read, and then it ends.
			sent := uint32(old.device.Sent().Frames)
			for range sent {
				p := old.backend.wires[0].receive()
				got = append(got, binary.LittleEndian.Uint32(p[HeaderSize+ethernetSize:]))
			}
			old.backend.wires[0].quiet()
			old.active.Deactivate()
			c.device.Resume()
			for ok := true; ok; {
				_, ok = c.tx(0).Poll()
			}
		}
	}
	take(n)
	c.backend.wires[0].quiet()
	for i, n := range got {
		if n != uint32(i) {
			t.Fatalf("frame %d is number %d", i, n)
		}
	}
}

func TestALinkThatWasLostIsUpWithAnotherBackend(t *testing.T) {
	s := setup{features: controlFeatures}
	for _, pulled := range []bool{false, true} {
		c := newCard(t, s)
		if pulled {
			c.device.SetLink(false)
		} else {
			c.post(1, 2048)
			_ = c.backend.wires[0].f.Close()
		}
		c.eventually("the link to be down", func() bool { return !c.device.linkUp() })
		c.device.Pause()
		vmstatetest.RoundTrip(t, c.device, newIdleCard(t, s).device)
		again := c.restored(s)
		if again.device.linkUp() == pulled {
			t.Errorf("pulled %v: the link is up: %v", pulled, again.device.linkUp())
		}
		if len(again.active.ConfigChanges) != 0 {
			t.Error("the driver is told while the card is held")
		}
		again.device.Resume()
		if told := len(again.active.ConfigChanges) == 1; told == pulled {
			t.Errorf("pulled %v: the driver is told: %v", pulled, told)
		}
	}
}

// A MAC that is another one now is the driver's when it sets it.
func TestADriverKeepsItsAddressUntilItSetsAnother(t *testing.T) {
	c := newCard(t, setup{features: controlFeatures})
	c.device.Pause()
	s := setup{features: controlFeatures, config: func(c *Config) { c.MAC, c.AntiSpoof = otherMAC, true }}
	again := c.restored(s)
	again.device.Resume()
	if got := again.device.MAC(); got != cardMAC {
		t.Errorf("MAC %v, want %v", got, cardMAC)
	}
	if got := again.do(ctrlMAC, ctrlMACAddrSet, otherMAC[:]); got != ctrlOK || again.device.MAC() != otherMAC {
		t.Errorf("answer %d, MAC %v", got, again.device.MAC())
	}
}

func TestTheKernelGoesOnWhereItWasTakenBack(t *testing.T) {
	k := newKernelCard(t, 1, nil, 99)
	k.activate()
	k.nets[0].next = [2]uint16{5, 7}
	k.device.Pause()
	again := newKernelCard(t, 1, nil, 99)
	if err := vmstatetest.Load(again.device, vmstatetest.Bytes(t, k.device)); err != nil {
		t.Fatal(err)
	}
	again.a.Held = true
	for i, q := range k.a.Queues {
		again.a.Queues[i].Hold(true)
		if err := again.a.Queues[i].Restore(q.Position()); err != nil {
			t.Fatal(err)
		}
	}
	again.activate()
	if again.nets[0].isRunning() || len(again.nets[0].setups) != 0 {
		t.Error("the kernel serves a card that is held")
	}
	again.device.Resume()
	rings := again.nets[0].setups[0].Rings
	if !again.nets[0].isRunning() || rings[vhost.RX].Next != 5 || rings[vhost.TX].Next != 7 {
		t.Errorf("the kernel goes on from %+v", rings)
	}
}

func TestStatesThatCannotBeLoadedAreRefused(t *testing.T) {
	for name, k := range map[string]struct {
		change func(*state)
		want   string
	}{
		"pairs":            {func(s *state) { s.Pairs = 3 }, "3 pairs of queues: this card has 2"},
		"link":             {func(s *state) { s.Link = 3 }, "link in state 3"},
		"features":         {func(s *state) { s.Driver.Features |= FeatureGuestUSO4 }, "lacks 0x40000000000000"},
		"MTU":              {func(s *state) { s.Driver.MTU = 9000 }, "MTU 9000: this card's is 1400"},
		"short MAC":        {func(s *state) { s.Driver.MAC = s.Driver.MAC[:5] }, "not the address"},
		"group's MAC":      {func(s *state) { s.Driver.MAC = groupMAC[:] }, "not the address"},
		"no MAC":           {func(s *state) { s.Driver.MAC = nil }, "not the address"},
		"no wanted pairs":  {func(s *state) { s.Driver.Wanted = 0 }, "0 queue pairs"},
		"too many pairs":   {func(s *state) { s.Driver.Wanted = 3 }, "3 queue pairs"},
		"pairs without MQ": {func(s *state) { s.Driver.Features &^= FeatureMQ }, "2 queue pairs"},
		"offloads":         {func(s *state) { s.Driver.Features &^= FeatureGuestTSO4 }, "offloads"},
		"no offloads":      {func(s *state) { s.Driver.Offloads = FeatureGuestTSO4 }, "offloads"},
		"half an address":  {func(s *state) { s.Driver.Unicast = s.Driver.Unicast[:9] }, "of 9 bytes"},
		"many addresses":   {func(s *state) { s.Driver.Multicast = make([]byte, (maxFilter+1)*macSize) }, "of 390 bytes"},
		"equal addresses":  {func(s *state) { s.Driver.Multicast = make([]byte, 2*macSize) }, "not in order"},
		"more addresses":   {func(s *state) { s.Driver.AllUni = true }, "2 addresses beside more"},
	} {
		t.Run(name, func(t *testing.T) {
			s := savedState(t, busyCard(t).device)
			k.change(&s)
			fresh := newIdleCard(t, busySetup).device
			before := vmstatetest.Bytes(t, fresh)
			err := loadState(t, fresh, s)
			if err == nil || !strings.Contains(err.Error(), k.want) {
				t.Errorf("error %v, want one of %q", err, k.want)
			}
			if !bytes.Equal(before, vmstatetest.Bytes(t, fresh)) {
				t.Error("it was taken in part")
			}
		})
	}
}

func savedState(t *testing.T, d *Device) (s state) {
	t.Helper()
	all := vmstate.New()
	if err := d.Save(all.Out("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := all.In("x").Get(stateVersion, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func loadState(t *testing.T, d *Device, s state) error {
	t.Helper()
	all := vmstate.New()
	if err := all.Out("x").Put(stateVersion, s); err != nil {
		t.Fatal(err)
	}
	return d.Load(all.In("x"))
}

// What the transport negotiated, as it says itself, is what the card's state says.
func TestAnotherDriverThanTheOneThatWasLoadedIsRefused(t *testing.T) {
	c := busyCard(t)
	again := newIdleCard(t, busySetup)
	if err := vmstatetest.Load(again.device, vmstatetest.Bytes(t, c.device)); err != nil {
		t.Fatal(err)
	}
	a := *c.active.Activation
	a.Features &^= FeatureMQ
	if err := again.device.Activate(&a); err == nil || !strings.Contains(err.Error(), "has negotiated") {
		t.Errorf("error %v", err)
	}
	// The next one finds a card as it was made.
	again.activate(busySetup)
	if again.device.MAC() != cardMAC {
		t.Errorf("MAC %v", again.device.MAC())
	}
}

func TestACardThatRunsIsNeitherSavedNorLoaded(t *testing.T) {
	c := newCard(t, setup{features: controlFeatures})
	if err := c.device.Save(vmstate.New().Out("x")); err == nil {
		t.Error("saved")
	}
	c.device.Pause()
	if err := vmstatetest.Load(c.device, vmstatetest.Bytes(t, c.device)); err == nil {
		t.Error("loaded")
	}
}

func FuzzLoad(f *testing.F) {
	var seeds []vmstate.Keeper
	for _, name := range []string{"v1-busy", "v1-idle"} {
		golden, err := os.ReadFile(filepath.Join("testdata", "states", name))
		if err != nil {
			f.Fatal(err)
		}
		d := newIdleDevice()
		if err := vmstatetest.Load(d, golden); err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, d)
	}
	vmstatetest.Fuzz(f, newIdleDevice, seeds...)
}

// newIdleDevice is a card with a backend that is nothing but numbers.
func newIdleDevice() vmstate.Keeper {
	d, err := New(Config{MAC: cardMAC, MTU: 1400, QueuePairs: 2, Backend: &fakeBackend{offloads: stateOffloads, ports: make([]Port, 2)}})
	if err != nil {
		panic(err)
	}
	return d
}

var _ vmstate.Keeper = (*Device)(nil)
