package hosts

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/tests/guestload"
)

// relay has the test's binary join its standard input and output to an address, in a lab
// host, whose network the machine does not reach.
const relay = "relay"

func TestMain(m *testing.M) {
	var err error
	switch {
	case filepath.Base(os.Args[0]) == guestload.Program:
		err = guestload.Main(os.Args[1:])
	case len(os.Args) == 3 && os.Args[1] == relay:
		err = relayTo(os.Args[2])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func relayTo(address string) error {
	c, err := net.Dial("tcp4", address)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(c, os.Stdin) // its end is seen below
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}()
	_, err = io.Copy(os.Stdout, c)
	return err
}
