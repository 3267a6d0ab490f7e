package guestload

import (
	"bytes"
	"fmt"
	"net"
	"time"
)

// ByVsock connects to ports of a guest by the unix socket of its vsock.
func ByVsock(path string) func(port int) (net.Conn, error) {
	return func(port int) (net.Conn, error) {
		c, err := net.DialTimeout("unix", path, 10*time.Second)
		if err != nil {
			return nil, err
		}
		answer := make([]byte, 0, 32)
		b := make([]byte, 1)
		_ = c.SetDeadline(time.Now().Add(10 * time.Second)) // a socket has deadlines
		if _, err = fmt.Fprintf(c, "CONNECT %d\n", port); err == nil {
			for !bytes.HasSuffix(answer, []byte("\n")) && err == nil && len(answer) < 32 {
				if _, err = c.Read(b); err == nil {
					answer = append(answer, b[0])
				}
			}
		}
		if err == nil && !bytes.HasPrefix(answer, []byte("OK ")) {
			err = fmt.Errorf("port %d: %q", port, answer)
		}
		if err != nil {
			c.Close()
			return nil, err
		}
		_ = c.SetDeadline(time.Time{})
		return c, nil
	}
}
