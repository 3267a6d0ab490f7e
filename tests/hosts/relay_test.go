package hosts

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"time"
)

// relayed is a connection that a process in a lab host has, and this one speaks over.
type relayed struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
}

// dial connects from a host to an address on its network.
func (h *host) dial(address string) (net.Conn, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(h.hull, "lab", "exec", "-T", "--host", h.name, "--", self, relay, address)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &relayed{out, in, cmd}, nil
}

// Close ends the process too.
func (r *relayed) Close() error {
	err := r.WriteCloser.Close()
	done := make(chan error, 1)
	go func() { done <- r.cmd.Wait() }()
	select {
	case <-done: // whatever became of it, the connection is closed
	case <-time.After(10 * time.Second):
		err = errors.Join(err, r.cmd.Process.Kill())
		<-done
	}
	return err
}

func (*relayed) LocalAddr() net.Addr  { return &net.UnixAddr{Name: relay, Net: "unix"} }
func (*relayed) RemoteAddr() net.Addr { return &net.UnixAddr{Name: relay, Net: "unix"} }

// The lab's command ends with its host, so that no read waits for ever.
func (*relayed) SetDeadline(time.Time) error      { return nil }
func (*relayed) SetReadDeadline(time.Time) error  { return nil }
func (*relayed) SetWriteDeadline(time.Time) error { return nil }
