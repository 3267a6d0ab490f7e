package transport

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Probes of a TCP connection on which nothing is sent.
const (
	probeEvery = time.Second
	probeCount = 5
)

// tune makes a TCP connection send at once, and end by itself where the other host is gone.
func tune(conn net.Conn, lost time.Duration) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	if err := tcp.SetNoDelay(true); err != nil {
		return fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	if err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: probeEvery, Interval: probeEvery, Count: probeCount}); err != nil {
		return fmt.Errorf("set keepalive: %w", err)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	set := err
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(max(lost.Milliseconds(), 1)))
	})
	if err == nil {
		err = set
	}
	if err != nil {
		return fmt.Errorf("set TCP_USER_TIMEOUT: %w", err)
	}
	return nil
}
