package machine

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

const (
	echoPort = 5000 // of the guest
	hostPort = 5001 // of the host

	streamCount = 1000
	streamSize  = 24 << 10 // bytes each way
)

// kill ends a program that would not end by itself.
func (p *process) kill() {
	p.m.t.Helper()
	if err := p.Kill(); err != nil {
		p.m.t.Fatal(err)
	}
	if exit := p.finish(); exit.Signal != unix.SIGKILL {
		p.m.t.Errorf("%s: %v\n%s", p.name, exit, p.stderr.tail())
	}
}

func streamsToGuest(m *machine) {
	p := m.begin(agent.Command{Args: []string{guestside, "echo", "vsock", fmt.Sprint(echoPort)}})
	p.says("listening")
	if err := exchange(streamCount, streamSize, func() (net.Conn, error) { return m.dial(echoPort) }); err != nil {
		m.t.Error(err)
	}
	p.kill()
}

func streamsOfGuest(m *machine) {
	l, err := net.Listen("unix", fmt.Sprintf("%s_%d", m.socket, hostPort))
	if err != nil {
		m.t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					m.t.Error(err)
				}
				return
			}
			serving.Go(func() { echo(c) })
		}
	})
	m.run(guestside, "call", "vsock", fmt.Sprint(hostPort), "200", fmt.Sprint(streamSize))
	if err := l.Close(); err != nil {
		m.t.Error(err)
	}
	serving.Wait()
	p := m.begin(agent.Command{Args: []string{guestside, "call", "vsock", fmt.Sprint(hostPort + 1), "1", "1"}})
	if exit := p.finish(); exit.Status() != 1 {
		m.t.Errorf("a call of a port at which nobody is: %v\n%s", exit, p.stderr.tail())
	}
}
