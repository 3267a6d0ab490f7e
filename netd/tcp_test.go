package netd

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/hullvm/hull/netd/netdtest"
)

func TestTheGuestReachesServers(t *testing.T) {
	n := start(t, Config{})
	for _, at := range []string{netdtest.OtherAddress, netdtest.FarAddress} {
		server := outside(t, echoTCP, at)
		c, err := n.guest.DialTCP(soon(t), server)
		check(t, err)
		defer c.Close()
		echoes(t, c, 1<<20)
	}
}

// echoes sends bytes, wants the same back, and an end after them.
func echoes(t *testing.T, c stream, size int) {
	t.Helper()
	seed := rand.Uint64()
	want := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(want)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(want)
		if err == nil {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("seed %d: %d bytes came back, want %d, or others; %v", seed, len(got), size, err)
	}
	check(t, <-sent)
}

var _ net.Conn = stream(nil)
