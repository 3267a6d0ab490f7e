package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/migrate/wire"
)

// given is a connection made of a descriptor, as by a process that was handed it.
func given(t testing.TB, f *os.File) net.Conn {
	t.Helper()
	c, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// both are the two configurations of a kind of connection.
func both(t testing.TB) map[string][2]*tls.Config {
	folder := authorityAt(t)
	return map[string][2]*tls.Config{
		"plain": {},
		"TLS":   {mustClient(t, filesOf(folder, "source"), "127.0.0.1"), mustServer(t, filesOf(folder, "target"))},
	}
}

// Frames go from descriptor to descriptor, from the first byte after the channel frame on,
// though they were sent before anybody took it; then both directions end in turn.
func TestDescriptorsForBothSides(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for name, config := range both(t) {
		t.Run(name, func(t *testing.T) {
			l, _ := listenOn(t, config[1], Options{})
			source := open(t, l, config[0], wire.Channel{Session: session, Number: 0})
			f, sourceDone, err := Plain(soon(t), source.Stream)
			if err != nil {
				t.Fatal(err)
			}
			a := given(t, f)
			early := wire.New(a)
			for i := range uint32(10) {
				if err := early.WriteMessage(wire.EpochDone{Epoch: i}); err != nil {
					t.Fatal(err)
				}
			}
			f, targetDone, err := Plain(soon(t), accept(t, l).Stream)
			if err != nil {
				t.Fatal(err)
			}
			b := given(t, f)
			in := wire.New(b)
			for i := range uint32(10) {
				f, err := in.Read()
				if err != nil {
					t.Fatal(err)
				}
				if m, err := wire.Expect[wire.EpochDone](f); err != nil || m.Epoch != i {
					t.Fatalf("%+v, %v; want %d", m, err, i)
				}
			}

			load := make([]byte, 3<<20+17)
			for i := range load {
				load[i] = byte(rand.Uint32())
			}
			transfer := func(from, to net.Conn) {
				t.Helper()
				sent := make(chan error, 1)
				go func() {
					_, err := from.Write(load)
					sent <- errors.Join(err, from.(interface{ CloseWrite() error }).CloseWrite())
				}()
				got, err := io.ReadAll(to)
				if err != nil || !bytes.Equal(got, load) {
					t.Errorf("%d bytes of %d, %v", len(got), len(load), err)
				}
				if err := <-sent; err != nil {
					t.Error(err)
				}
			}
			transfer(a, b)
			transfer(b, a)
			for _, done := range []<-chan error{sourceDone, targetDone} {
				if err := <-done; err != nil {
					t.Errorf("it ended with %v", err)
				}
			}
		})
	}
}

func TestPumpEndsWithItsContext(t *testing.T) {
	devicestest.CheckGoroutines(t)
	config := both(t)["TLS"]
	source, target := connected(t, config[0], config[1])
	ctx, cancel := context.WithCancelCause(soon(t))
	f, done, err := Plain(ctx, source.Stream)
	if err != nil {
		t.Fatal(err)
	}
	c := given(t, f)
	stop := errors.New("stop")
	// With both directions full, too.
	go c.Write(make([]byte, 32<<20))
	go target.Stream.Write(make([]byte, 32<<20))
	cancel(stop)
	if err := <-done; err != stop {
		t.Errorf("%v", err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Logf("the descriptor ended with %v", err) // with a reset, if anything was unread
	}
	_, _ = io.Copy(io.Discard, target.Stream) // but it ends
	target.Close()
}

func TestPumpEndsWithEitherSide(t *testing.T) {
	devicestest.CheckGoroutines(t)
	config := both(t)["TLS"]
	t.Run("the process", func(t *testing.T) {
		source, target := connected(t, config[0], config[1])
		f, done, err := Plain(soon(t), source.Stream)
		if err != nil {
			t.Fatal(err)
		}
		given(t, f).Close()
		if n, err := io.Copy(io.Discard, target.Stream); n != 0 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		target.Close()
		<-done
	})
	t.Run("the other host", func(t *testing.T) {
		source, target := connected(t, config[0], config[1])
		f, done, err := Plain(soon(t), source.Stream)
		if err != nil {
			t.Fatal(err)
		}
		c := given(t, f)
		target.Close() // without a word
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("the process reads %v", err)
		}
		c.Close()
		<-done
	})
	t.Run("one direction for ever", func(t *testing.T) {
		a, b := net.Pipe() // no half of it can be closed
		f, done, err := Plain(soon(t), a)
		if err != nil {
			t.Fatal(err)
		}
		given(t, f).Close()
		if err := <-done; err == nil {
			t.Error("an orderly end")
		}
		b.Close()
	})
}

// BenchmarkPump is memory through TLS on this host, pumped on both sides.
func BenchmarkPump(b *testing.B) {
	for name, config := range both(b) {
		b.Run(name, func(b *testing.B) {
			source, target := connected(b, config[0], config[1])
			f, _, err := Plain(soon(b), source.Stream)
			if err != nil {
				b.Fatal(err)
			}
			from := given(b, f)
			if f, _, err = Plain(soon(b), target.Stream); err != nil {
				b.Fatal(err)
			}
			to := given(b, f)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				buf := make([]byte, 1<<20)
				for {
					if _, err := to.Read(buf); err != nil {
						return
					}
				}
			}()
			load := make([]byte, 2<<20)
			b.SetBytes(int64(len(load)))
			for b.Loop() {
				if _, err := from.Write(load); err != nil {
					b.Fatal(err)
				}
			}
			from.Close()
			to.Close()
			<-ended
		})
	}
}
