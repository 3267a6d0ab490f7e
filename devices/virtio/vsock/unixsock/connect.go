package unixsock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// ErrRefused says that nobody in the guest listens on the port, or that the guest
// has no driver for its sockets yet.
var ErrRefused = errors.New("nobody listens in the guest")

// maxAnswer bounds the answer of the monitor, in bytes: "OK ", ten digits and a
// newline.
const maxAnswer = 32

// Connect connects to a port of the guest whose socket on this host is at path. It
// waits for the guest's answer until ctx ends.
func Connect(ctx context.Context, path string, port uint32) (_ net.Conn, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("guest's port %d: %w", port, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = greet(conn, port)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errors.Join(fmt.Errorf("guest's port %d: %w", port, err), conn.Close())
	}
	return conn, nil
}

// greet reads no byte of what follows the answer.
func greet(conn net.Conn, port uint32) error {
	if _, err := fmt.Fprintf(conn, "CONNECT %d\n", port); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	var line []byte
	for b := make([]byte, 1); len(line) <= maxAnswer; line = append(line, b[0]) {
		if _, err := io.ReadFull(conn, b); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if b[0] != '\n' {
			continue
		}
		if !strings.HasPrefix(string(line), "OK ") {
			break
		}
		return nil
	}
	return fmt.Errorf("the answer begins with %q, and not with OK", line)
}
