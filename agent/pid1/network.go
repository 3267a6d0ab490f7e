package pid1

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// leaseTime is how long the main process waits for an address by DHCP. Without
// one it starts all the same.
const leaseTime = 15 * time.Second

// resolvConf is where programs look for name servers.
const resolvConf = "/etc/resolv.conf"

// network sets the configured interfaces up, all at once.
func (s *system) network() {
	var all sync.WaitGroup
	for _, c := range s.conf.Interfaces {
		all.Add(1)
		s.start(func() {
			defer all.Done()
			if err := s.devices.Up(context.Background(), c); err != nil {
				say(err.Error())
			}
		})
	}
	all.Wait()
}

// loopbackUp makes 127.0.0.1 answer.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == unix.EAFNOSUPPORT {
		return nil // a kernel without a network
	}
	if err != nil {
		return fmt.Errorf("loopback: socket: %w", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("loopback: up: %w", err)
	}
	return nil
}
