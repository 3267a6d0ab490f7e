package net

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

const controlFeatures = FeatureCtrlVQ | FeatureCtrlRX | FeatureCtrlMACAddr | FeatureGuestAnnounce | FeatureStatus | FeatureMrgRXBuf

// do sends a control command and returns the answer.
func (c *card) do(class, command byte, data ...[]byte) byte {
	c.t.Helper()
	q := c.queues[len(c.queues)-1]
	if !c.active.Activation.Has(FeatureMQ) {
		q = c.queues[2]
	}
	u := q.Do(c.t, append([][]byte{{class, command}}, data...), []int{1})
	if u.Written != 1 {
		c.t.Fatalf("an answer of %d bytes", u.Written)
	}
	return u.Bytes()[0]
}

func le16(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// table is a list of addresses as the driver sends it.
func table(list ...MAC) []byte {
	p := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
	for _, m := range list {
		p = append(p, m[:]...)
	}
	return p
}

func TestCommandsThatCannotBeAreRefused(t *testing.T) {
	const features = controlFeatures | FeatureMQ | FeatureCtrlGuestOffloads | FeatureGuestCSUM | FeatureGuestTSO4
	c := newCard(t, setup{pairs: 2, offloads: FeatureGuestCSUM | FeatureGuestTSO4 | FeatureGuestTSO6, features: features})
	many := make([]MAC, maxFilter+1)
	for _, k := range []struct {
		name           string
		class, command byte
		data           []byte
		want           byte
	}{
		{"promiscuous", ctrlRX, ctrlRXPromisc, []byte{1}, ctrlOK},
		{"promiscuous without a word", ctrlRX, ctrlRXPromisc, nil, ctrlErr},
		{"promiscuous of 2", ctrlRX, ctrlRXPromisc, []byte{2}, ctrlErr},
		{"all multicast", ctrlRX, ctrlRXAllMulti, []byte{0}, ctrlOK},
		{"all multicast of 255", ctrlRX, ctrlRXAllMulti, []byte{255}, ctrlErr},
		{"extra mode", ctrlRX, 2, []byte{1}, ctrlErr},
		{"tables", ctrlMAC, ctrlMACTableSet, join(table(otherMAC), table()), ctrlOK},
		{"long tables", ctrlMAC, ctrlMACTableSet, join(table(many...), table(many...)), ctrlOK},
		{"one table", ctrlMAC, ctrlMACTableSet, table(otherMAC), ctrlErr},
		{"a table cut short", ctrlMAC, ctrlMACTableSet, join(table(otherMAC), table(otherMAC)[:9]), ctrlErr},
		{"a table of 2^32-1", ctrlMAC, ctrlMACTableSet, []byte{0xff, 0xff, 0xff, 0xff, 1}, ctrlErr},
		{"address", ctrlMAC, ctrlMACAddrSet, otherMAC[:], ctrlOK},
		{"address cut short", ctrlMAC, ctrlMACAddrSet, otherMAC[:5], ctrlErr},
		{"a group's address", ctrlMAC, ctrlMACAddrSet, []byte{1, 2, 3, 4, 5, 6}, ctrlErr},
		{"no address", ctrlMAC, ctrlMACAddrSet, make([]byte, 6), ctrlErr},
		{"acknowledgement of nothing", ctrlAnnounce, ctrlAnnounceAck, nil, ctrlErr},
		{"two pairs", ctrlMQ, ctrlMQVQPairsSet, le16(2), ctrlOK},
		{"no pairs", ctrlMQ, ctrlMQVQPairsSet, le16(0), ctrlErr},
		{"three pairs", ctrlMQ, ctrlMQVQPairsSet, le16(3), ctrlErr},
		{"half a number of pairs", ctrlMQ, ctrlMQVQPairsSet, []byte{1}, ctrlErr},
		{"RSS", ctrlMQ, 1, le16(1), ctrlErr},
		{"offloads", ctrlGuestOffloads, ctrlGuestOffloadsSet, le64(FeatureGuestCSUM), ctrlOK},
		{"no offloads", ctrlGuestOffloads, ctrlGuestOffloadsSet, le64(0), ctrlOK},
		{"offloads that were not negotiated", ctrlGuestOffloads, ctrlGuestOffloadsSet, le64(FeatureGuestTSO6), ctrlErr},
		{"features that are none", ctrlGuestOffloads, ctrlGuestOffloadsSet, le64(FeatureMAC), ctrlErr},
		{"half of offloads", ctrlGuestOffloads, ctrlGuestOffloadsSet, make([]byte, 7), ctrlErr},
		{"VLAN", 2, 0, le16(1), ctrlErr},
		{"no such class", 77, 0, nil, ctrlErr},
	} {
		data := [][]byte{}
		if len(k.data) > 0 {
			data = append(data, k.data)
		}
		if got := c.do(k.class, k.command, data...); got != k.want {
			t.Errorf("%s: answer %d, want %d", k.name, got, k.want)
		}
	}
}

func TestCommandsWithoutTheirFeatureAreRefused(t *testing.T) {
	c := newCard(t, setup{offloads: FeatureGuestCSUM, features: FeatureCtrlVQ})
	for _, k := range []struct {
		class, command byte
		data           []byte
	}{
		{ctrlRX, ctrlRXPromisc, []byte{0}},
		{ctrlMAC, ctrlMACTableSet, join(table(), table())},
		{ctrlMAC, ctrlMACAddrSet, otherMAC[:]},
		{ctrlAnnounce, ctrlAnnounceAck, []byte{0}},
		{ctrlMQ, ctrlMQVQPairsSet, le16(1)},
		{ctrlGuestOffloads, ctrlGuestOffloadsSet, le64(0)},
	} {
		if got := c.do(k.class, k.command, k.data); got != ctrlErr {
			t.Errorf("class %d command %d: answer %d", k.class, k.command, got)
		}
	}
	q := c.queues[2]
	if u := q.Do(t, [][]byte{{ctrlRX}}, []int{1}); u.Bytes()[0] != ctrlErr {
		t.Error("half a command was accepted")
	}
	if u := q.Do(t, nil, []int{1}); u.Bytes()[0] != ctrlErr {
		t.Error("no command was accepted")
	}
}

func TestACommandWithoutRoomForItsAnswerBreaksTheDevice(t *testing.T) {
	c := newCard(t, setup{features: controlFeatures})
	c.queues[2].Add([][]byte{{ctrlRX, ctrlRXPromisc, 0}}, nil)
	c.queues[2].Kick()
	c.active.WaitBroken(t)
}

func TestFilterFollowsTheDriver(t *testing.T) {
	c := newCard(t, setup{features: controlFeatures})
	group, other := MAC{1, 0, 0x5e, 0, 0, 1}, MAC{1, 0, 0x5e, 0, 0, 2}
	third := MAC{2, 0, 0, 0, 0, 3}
	accepts := func() string {
		f := c.device.filter.Load()
		s := ""
		for _, to := range []MAC{cardMAC, otherMAC, third, broadcast, group, other} {
			if f.accepts(to, c.device.MAC()) {
				s += "y"
			} else {
				s += "n"
			}
		}
		return s
	}
	many := make([]MAC, maxFilter+1)
	for _, k := range []struct {
		what           string
		class, command byte
		data           []byte
		want           string
	}{
		{"from the start", ctrlRX, ctrlRXPromisc, []byte{1}, "yyyyyy"},
		{"not promiscuous", ctrlRX, ctrlRXPromisc, []byte{0}, "ynnynn"},
		{"tables", ctrlMAC, ctrlMACTableSet, join(table(otherMAC), table(group)), "yynyyn"},
		{"all multicast", ctrlRX, ctrlRXAllMulti, []byte{1}, "yynyyy"},
		{"not all", ctrlRX, ctrlRXAllMulti, []byte{0}, "yynyyn"},
		{"another address", ctrlMAC, ctrlMACAddrSet, third[:], "nyyyyn"},
		{"too many groups", ctrlMAC, ctrlMACTableSet, join(table(), table(many...)), "nnyyyy"},
		{"too many cards", ctrlMAC, ctrlMACTableSet, join(table(many...), table()), "yyyynn"},
		{"empty tables", ctrlMAC, ctrlMACTableSet, join(table(), table()), "nnyynn"},
	} {
		if k.what == "from the start" && accepts() != k.want {
			t.Errorf("at first: %s", accepts())
		}
		if got := c.do(k.class, k.command, k.data); got != ctrlOK {
			t.Fatalf("%s: answer %d", k.what, got)
		}
		if got := accepts(); got != k.want {
			t.Errorf("%s: %s, want %s", k.what, got, k.want)
		}
	}
	c.active.Deactivate()
	if got := accepts(); got != "yyyyyy" || c.device.MAC() != cardMAC {
		t.Errorf("after a reset: %s, %v", got, c.device.MAC())
	}
}

func TestAntiSpoofKeepsTheAddress(t *testing.T) {
	c := newCard(t, setup{features: controlFeatures, config: func(c *Config) { c.AntiSpoof = true }})
	if got := c.do(ctrlMAC, ctrlMACAddrSet, otherMAC[:]); got != ctrlErr {
		t.Errorf("answer %d", got)
	}
	if got := c.do(ctrlMAC, ctrlMACAddrSet, cardMAC[:]); got != ctrlOK {
		t.Errorf("its own: answer %d", got)
	}
}

func TestTheDriverSeesLinkAndAnnouncement(t *testing.T) {
	c := newCard(t, setup{features: controlFeatures})
	status := func() uint16 {
		var p [2]byte
		c.device.ReadConfig(configStatus, p[:])
		return binary.LittleEndian.Uint16(p[:])
	}
	if got := status(); got != statusLinkUp {
		t.Errorf("status %#x", got)
	}
	c.device.SetLink(true) // as it is
	select {
	case <-c.active.ConfigChanges:
		t.Error("told of no change")
	default:
	}
	c.device.SetLink(false)
	<-c.active.ConfigChanges
	if got := status(); got != 0 {
		t.Errorf("link down: status %#x", got)
	}
	c.device.SetLink(true)
	<-c.active.ConfigChanges
	if !c.device.Announce() {
		t.Error("cannot announce")
	}
	<-c.active.ConfigChanges
	if got := status(); got != statusLinkUp|statusAnnounce {
		t.Errorf("announcing: status %#x", got)
	}
	if got := c.do(ctrlAnnounce, ctrlAnnounceAck); got != ctrlOK {
		t.Errorf("answer %d", got)
	}
	if got := status(); got != statusLinkUp {
		t.Errorf("announced: status %#x", got)
	}
	c.active.Deactivate()
	if c.device.Announce() {
		t.Error("announces without a driver")
	}
	c.device.SetLink(false)
	if got := status(); got != 0 {
		t.Errorf("without a driver: status %#x", got)
	}
}

func TestAnnouncementNeedsADriverThatKnowsIt(t *testing.T) {
	c := newCard(t, setup{features: FeatureStatus | FeatureCtrlVQ})
	if c.device.Announce() {
		t.Error("announces")
	}
}

func TestPairsFollowTheDriver(t *testing.T) {
	c := newCard(t, setup{pairs: 4, features: controlFeatures | FeatureMQ})
	sent := func(pair int) {
		t.Helper()
		frame := ethernet(broadcast, cardMAC, 60+pair)
		c.tx(pair).Do(t, [][]byte{plain(), frame}, nil)
		if got := c.backend.wires[pair].receive(); !bytes.Equal(got[HeaderSize:], frame) {
			t.Errorf("pair %d sent %x", pair, got)
		}
		c.rx(pair).Add(nil, []int{1526})
		c.rx(pair).Kick()
		c.backend.wires[pair].send(join(plain(), frame))
		if got := c.rx(pair).Wait(t).Bytes(); !bytes.Equal(got[HeaderSize:], frame) {
			t.Errorf("pair %d received %x", pair, got)
		}
	}
	sent(0)
	// A queue that is not served keeps what it has.
	early := ethernet(broadcast, cardMAC, 500)
	c.tx(3).Add([][]byte{plain(), early}, nil)
	c.tx(3).Kick()
	c.backend.wires[3].quiet()
	if got := c.do(ctrlMQ, ctrlMQVQPairsSet, le16(4)); got != ctrlOK {
		t.Fatalf("answer %d", got)
	}
	if got := c.backend.wires[3].receive(); !bytes.Equal(got[HeaderSize:], early) {
		t.Errorf("%x", got)
	}
	c.tx(3).Wait(t)
	for pair := range 4 {
		sent(pair)
	}
	if got := c.do(ctrlMQ, ctrlMQVQPairsSet, le16(2)); got != ctrlOK {
		t.Fatalf("answer %d", got)
	}
	sent(0)
	sent(1)
	c.tx(2).Add([][]byte{plain(), early}, nil)
	c.tx(2).Kick()
	sent(1)
	c.backend.wires[2].quiet()
	_, pairs := c.backend.told()
	if got, want := fmt.Sprint(pairs), "[1 4 2]"; got != want {
		t.Errorf("the backend was told %s, want %s", got, want)
	}
}

func TestTheControlQueueIsTheThirdWithoutMultiqueue(t *testing.T) {
	c := newCard(t, setup{pairs: 4, features: controlFeatures})
	if got := c.do(ctrlRX, ctrlRXPromisc, []byte{0}); got != ctrlOK {
		t.Errorf("answer %d", got)
	}
}

func TestOffloadsFollowTheDriver(t *testing.T) {
	const offloads = FeatureGuestCSUM | FeatureGuestTSO4 | FeatureGuestECN
	c := newCard(t, setup{offloads: offloads, features: controlFeatures | FeatureCtrlGuestOffloads | offloads})
	for _, v := range []uint64{0, FeatureGuestCSUM, FeatureGuestTSO4, FeatureGuestCSUM | FeatureGuestECN, offloads} {
		if got := c.do(ctrlGuestOffloads, ctrlGuestOffloadsSet, le64(v)); got != ctrlOK {
			t.Errorf("%#x: answer %d", v, got)
		}
	}
	c.active.Deactivate()
	// What makes no sense without another one is not handed on.
	want := []uint64{offloads, 0, FeatureGuestCSUM, 0, FeatureGuestCSUM, offloads, 0}
	if set, _ := c.backend.told(); fmt.Sprint(set) != fmt.Sprint(want) {
		t.Errorf("the backend was told %#x, want %#x", set, want)
	}
}

func TestOffloadsThatTheBackendRefusesAreAnError(t *testing.T) {
	c := newCard(t, setup{offloads: FeatureGuestCSUM, features: controlFeatures | FeatureCtrlGuestOffloads | FeatureGuestCSUM})
	c.backend.fail(errFake)
	if got := c.do(ctrlGuestOffloads, ctrlGuestOffloadsSet, le64(0)); got != ctrlErr {
		t.Errorf("answer %d", got)
	}
}
