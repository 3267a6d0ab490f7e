package machine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/mdlayher/vsock"
)

// guestEcho sends back what comes in at NETWORK PORT; on tcp or vsock.
func guestEcho(args []string) error {
	if len(args) != 2 {
		return errors.New("NETWORK PORT")
	}
	port, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return err
	}
	var l net.Listener
	if args[0] == "vsock" {
		l, err = vsock.Listen(uint32(port), nil)
	} else {
		l, err = net.Listen(args[0], fmt.Sprintf(":%d", port))
	}
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go echo(c)
	}
}

// echo sends everything back, then an end for an end.
func echo(c net.Conn) {
	defer c.Close()
	b := make([]byte, 16<<10)
	for {
		n, err := c.Read(b)
		if n > 0 {
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if half, ok := c.(interface{ CloseWrite() error }); ok && err == io.EOF {
				_ = half.CloseWrite()
			}
			return
		}
	}
}

// guestCall exchanges COUNT streams of SIZE bytes with an echo at NETWORK
// ADDRESS, all at once.
func guestCall(args []string) error {
	if len(args) != 4 {
		return errors.New("NETWORK ADDRESS COUNT SIZE")
	}
	n, err := numbers(args[2:], 2)
	if err != nil {
		return err
	}
	return exchange(int(n[0]), n[1], func() (net.Conn, error) {
		if args[0] != "vsock" {
			return net.Dial(args[0], args[1])
		}
		port, err := strconv.ParseUint(args[1], 10, 32)
		if err != nil {
			return nil, err
		}
		c, err := vsock.Dial(vsock.Host, uint32(port), nil)
		if err != nil {
			return nil, err // and not an interface with nothing in it
		}
		return c, nil
	})
}

// exchange opens count streams to an echo, and when all are open, sends size
// bytes of its own by each and compares what comes back.
func exchange(count int, size int64, dial func() (net.Conn, error)) error {
	conns := make([]net.Conn, count)
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	var dialing sync.WaitGroup
	errs := make([]error, count)
	slots := make(chan struct{}, 32) // connections that are being made
	for i := range conns {
		slots <- struct{}{}
		dialing.Go(func() {
			defer func() { <-slots }()
			conns[i], errs[i] = dial()
		})
	}
	dialing.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var all sync.WaitGroup
	for i, c := range conns {
		all.Go(func() {
			if err := talk(c, uint64(i), size); err != nil {
				errs[i] = fmt.Errorf("stream %d: %w", i, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// talk sends a pattern to an echo and compares what comes back, up to the end.
func talk(c net.Conn, seed uint64, size int64) error {
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(struct{ io.Writer }{c}, pattern(seed, size))
		if half, ok := c.(interface{ CloseWrite() error }); ok && err == nil {
			err = half.CloseWrite()
		}
		sent <- err
	}()
	err := matches(c, seed, size)
	if err != nil {
		_ = c.Close() // nobody reads what is still sent
	}
	return errors.Join(err, <-sent)
}

// guestAddresses lists the IPv4 addresses of all links.
func guestAddresses([]string) error {
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, l := range links {
		addresses, err := l.Addrs()
		if err != nil {
			return err
		}
		for _, a := range addresses {
			fmt.Println(l.Name, a)
		}
	}
	return nil
}
