package guestload

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/mdlayher/vsock"
)

// listen listens on a port of the guest, by vsock and by TCP: a guest has one of the two
// at least.
func listen(port int) ([]net.Listener, error) {
	var list []net.Listener
	var errs []error
	if l, err := vsock.Listen(uint32(port), nil); err == nil {
		list = append(list, l)
	} else {
		errs = append(errs, err)
	}
	if l, err := net.Listen("tcp4", fmt.Sprintf(":%d", port)); err == nil {
		list = append(list, l)
	} else {
		errs = append(errs, err)
	}
	if len(list) == 0 {
		return nil, errors.Join(errs...)
	}
	return list, nil
}

// serveDatagrams sends back what comes by UDP.
func (l *load) serveDatagrams() error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: EchoPort})
	if err != nil {
		return err
	}
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFromUDP(b)
			if err == nil {
				_, err = c.WriteToUDP(b[:n], from)
			}
			if err != nil && errors.Is(err, net.ErrClosed) {
				return
			}
		}
	}()
	return nil
}

// Beat is one of the datagrams that a guest sends to whoever it was told to, numbered.
// A second machine that runs with the same memory sends the same numbers again, and one
// that goes on from an earlier state goes back.
type Beat struct {
	Nonce     [nonceSize]byte
	Number    uint64
	Monotonic int64 // ns, of the guest's clock
}

const (
	nonceSize = 32
	beatSize  = nonceSize + 16
)

func (b *Beat) encode() []byte {
	p := append([]byte(nil), b.Nonce[:]...)
	p = binary.LittleEndian.AppendUint64(p, b.Number)
	return binary.LittleEndian.AppendUint64(p, uint64(b.Monotonic))
}

// ParseBeat reads a beat.
func ParseBeat(p []byte) (b Beat, err error) {
	if len(p) != beatSize {
		return b, fmt.Errorf("beat: %d bytes, want %d", len(p), beatSize)
	}
	copy(b.Nonce[:], p)
	b.Number = binary.LittleEndian.Uint64(p[nonceSize:])
	b.Monotonic = int64(binary.LittleEndian.Uint64(p[nonceSize+8:]))
	return b, nil
}

// beat sends beats to an address for ever. What cannot be sent, as while nobody there
// answers, is lost.
func (l *load) beat(to string, every time.Duration) error {
	c, err := net.Dial("udp4", to)
	if err != nil {
		return err
	}
	if every <= 0 {
		return fmt.Errorf("beat every %v", every)
	}
	go func() {
		for {
			b := Beat{Nonce: l.nonce, Number: l.beats.Add(1), Monotonic: int64(monotonic())}
			_, _ = c.Write(b.encode())
			time.Sleep(every)
		}
	}()
	return nil
}

// began is when the load did.
var began = time.Now()

// monotonic is the guest's clock, which is not set.
func monotonic() time.Duration { return time.Since(began) }

// spin looks at the clock as often as it can, and keeps the longest time between two
// looks: how long the guest stood still. It goes on until what is wanted changes.
func (l *load) spin(on bool) {
	want := l.spins.Add(1)
	if !on {
		return
	}
	l.gap.Store(0)
	go func() {
		runtime.LockOSThread()
		last := monotonic()
		for l.spins.Load() == want {
			now := monotonic()
			if gap := int64(now - last); gap > l.gap.Load() {
				l.gap.Store(gap)
			}
			last = now
		}
	}()
}

func (l *load) nonceText() string { return hex.EncodeToString(l.nonce[:]) }
