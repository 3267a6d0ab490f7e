package main

import (
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/hullvm/hull/netd/netdtest"
	"github.com/hullvm/hull/netd/spawn"
)

// stream passes b.N times 64 KiB from one end of a connection to the other.
func stream(b *testing.B, from, to net.Conn) {
	b.Helper()
	buf := make([]byte, 64<<10)
	b.SetBytes(int64(len(buf)))
	done := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{to}, make([]byte, 64<<10))
		done <- err
	}()
	b.ResetTimer()
	for range b.N {
		if _, err := from.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	if err := from.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// accept returns both ends of a connection that dial makes to a listener.
func accept(b *testing.B, l net.Listener, dial func() (net.Conn, error)) (dialled, accepted net.Conn) {
	b.Helper()
	dialled, err := dial()
	check(b, err)
	accepted, err = l.Accept()
	check(b, err)
	b.Cleanup(func() {
		dialled.Close()
		accepted.Close()
	})
	return dialled, accepted
}

// The guest of these benchmarks has gVisor's TCP/IP as the network has, and takes
// as much of the processors: a guest's kernel takes less.
func BenchmarkStream(b *testing.B) {
	b.Run("kernel alone", func(b *testing.B) {
		l, at := listen(b)
		host, other := accept(b, l, func() (net.Conn, error) { return net.Dial("tcp4", at.String()) })
		stream(b, host, other)
	})
	for _, mtu := range []int{1500, 9000, 65535} {
		b.Run("MTU "+strconv.Itoa(mtu), func(b *testing.B) {
			b.Run("guest to host", func(b *testing.B) {
				g := guestOf(b, start(b, spawn.Config{MTU: mtu}), mtu)
				l, at := listen(b)
				guest, other := accept(b, l, func() (net.Conn, error) { return g.DialTCP(soon(b), at) })
				stream(b, guest, other)
			})
			b.Run("host to guest", func(b *testing.B) {
				g := guestOf(b, start(b, spawn.Config{MTU: mtu}), mtu)
				l, at := listen(b)
				guest, other := accept(b, l, func() (net.Conn, error) { return g.DialTCP(soon(b), at) })
				stream(b, other, guest)
			})
			b.Run("published port", func(b *testing.B) {
				s := start(b, spawn.Config{MTU: mtu, Publish: []spawn.Port{{Protocol: "tcp", Host: loopback, Guest: 80}}})
				g := guestOf(b, s, mtu)
				client, server := accept(b, g.ListenTCP(80), func() (net.Conn, error) { return net.Dial("tcp4", s.Published[0].Host.String()) })
				stream(b, client, server)
			})
		})
	}
}

// A datagram to a server that answers, and back.
func BenchmarkRoundTrip(b *testing.B) {
	g := guestOf(b, start(b, spawn.Config{}), 1500)
	var server net.PacketConn
	netdtest.Outside(b, func() {
		var err error
		server, err = net.ListenPacket("udp4", net.JoinHostPort(netdtest.FarAddress, "0"))
		check(b, err)
	})
	b.Cleanup(func() { server.Close() })
	go func() {
		buf := make([]byte, 100)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buf[:n], from)
		}
	}()
	c, err := g.DialUDP(server.LocalAddr().(*net.UDPAddr).AddrPort())
	check(b, err)
	b.Cleanup(func() { c.Close() })
	buf := make([]byte, 100)
	b.ResetTimer()
	for range b.N {
		if _, err := c.Write(buf[:64]); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
