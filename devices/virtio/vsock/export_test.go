package vsock

import (
	"io"
	"testing"
)

// Guest is the fake guest, for tests of what imports this package.
type Guest struct{ g *guest }

// NewGuest boots a guest on a device with the given host.
func NewGuest(t testing.TB, h Host) *Guest {
	return &Guest{newGuest(t, guestOptions{config: Config{Host: h}, event: true})}
}

// Device is the guest's device.
func (g *Guest) Device() *Device { return g.g.device }

// Echo repeats what connections to a port say, until they end.
func (g *Guest) Echo(port uint32) {
	g.g.listen(port)
	go func() {
		for {
			s := g.g.accept(port)
			if s == nil {
				return
			}
			go func() {
				_, _ = io.Copy(s, s)
				s.close()
			}()
		}
	}()
}

// Talk connects to a port of the host's, writes p, ends its half and returns what
// is read.
func (g *Guest) Talk(port uint32, p []byte) ([]byte, error) {
	s, err := g.g.connect(port)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if _, err := s.Write(p); err != nil {
		return nil, err
	}
	s.shutdown(shutSend)
	return io.ReadAll(s)
}
