package netd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/netd/netdtest"
)

// published starts a network of which a port leads to the guest's port 80.
func published(t *testing.T, change ...func(*Network)) (network, string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	return start(t, Config{TCP: []PublishedTCP{{Listener: l, Guest: 80}}}, change...), l.Addr().String()
}

func dial(t *testing.T, at string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp4", at)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// serveGuest has the guest call f for each connection to its port 80.
func serveGuest(n network, f func(stream)) {
	l := n.guest.ListenTCP(80)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f(c.(stream))
		}
	}()
}

func echo(c stream) {
	defer c.Close()
	if _, err := io.Copy(c, c); err == nil {
		_ = c.CloseWrite()
	}
}

func TestClientsReachThePublishedPort(t *testing.T) {
	n, at := published(t)
	serveGuest(n, echo)
	echoes(t, dial(t, at), 1<<20)
}

func TestEitherSideMayEndFirst(t *testing.T) {
	n, at := published(t)
	first := make(chan stream)
	serveGuest(n, func(c stream) { first <- c })
	for _, guestEnds := range []bool{false, true} {
		client := stream(dial(t, at))
		server := <-first
		a, b := client, server
		if guestEnds {
			a, b = server, client
		}
		check(t, a.CloseWrite())
		if got, err := io.ReadAll(b); len(got) != 0 || err != nil {
			t.Errorf("after the end: %q, %v", got, err)
		}
		// The other direction is as it was.
		_, err := b.Write([]byte("still here"))
		check(t, err)
		check(t, b.CloseWrite())
		if got, err := io.ReadAll(a); string(got) != "still here" || err != nil {
			t.Errorf("from the other side: %q, %v", got, err)
		}
		client.Close()
		server.Close()
	}
}

func TestAResetIsPassedOn(t *testing.T) {
	n, at := published(t)
	conns := make(chan stream)
	serveGuest(n, func(c stream) { conns <- c })
	client := dial(t, at)
	server := <-conns
	defer server.Close()
	_, err := client.Write([]byte("x"))
	check(t, err)
	_, err = server.Read(make([]byte, 1))
	check(t, err)
	check(t, client.SetLinger(0))
	client.Close()
	if _, err := server.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the guest reads on: %v", err)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	n, at := published(t)
	serveGuest(n, echo)
	for _, many := range []int{1000, 200} {
		var clients sync.WaitGroup
		var mu sync.Mutex
		wrong := 0
		begin := make(chan struct{})
		for i := range many {
			c := dial(t, at)
			clients.Go(func() {
				defer c.Close()
				<-begin
				want := fmt.Sprintf("client %d", i)
				_, err := io.WriteString(c, want)
				if err == nil {
					err = c.CloseWrite()
				}
				got, rerr := io.ReadAll(c)
				if err = errors.Join(err, rerr); err != nil || string(got) != want {
					mu.Lock()
					wrong++
					mu.Unlock()
				}
			})
		}
		close(begin)
		clients.Wait()
		if wrong > 0 {
			t.Fatalf("%d of %d clients did not get their own back", wrong, many)
		}
	}
	// All that they took is given back.
	deadline := time.Now().Add(patience)
	for len(n.published) > 1 { // one is for the next
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are left", len(n.published)-1)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAClientOfAGuestThatDoesNotAnswerSeesAReset(t *testing.T) {
	for name, silent := range map[string]bool{"closed port": false, "no answer": true} {
		t.Run(name, func(t *testing.T) {
			n, at := published(t, func(n *Network) {
				if silent {
					n.dialTime = time.Second
				}
			})
			if silent {
				check(t, disable(n))
			}
			deadline, _ := soon(t).Deadline()
			c, err := (&net.Dialer{Deadline: deadline}).Dial("tcp4", at)
			if err == nil {
				defer c.Close()
				check(t, c.SetDeadline(deadline))
				_, err = c.Read(make([]byte, 1))
			} // else the reset was faster than the dial's own end
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%v, want a reset", err)
			}
		})
	}
}

// disable has the guest take nothing any more.
func disable(n network) error {
	if err := n.guest.Stack.DisableNIC(1); err != nil {
		return errors.New(err.String())
	}
	return nil
}

func TestMoreClientsThanThereMayBeWait(t *testing.T) {
	n, at := published(t, func(n *Network) { n.published = make(slots, 2) })
	conns := make(chan stream, 3)
	serveGuest(n, func(c stream) { conns <- c })
	clients := []*net.TCPConn{dial(t, at), dial(t, at), dial(t, at)}
	one, two := <-conns, <-conns
	select {
	case <-conns:
		t.Fatal("a third is served")
	default:
	}
	for _, c := range []stream{one, two, clients[0], clients[1]} {
		c.Close()
	}
	third := <-conns
	defer third.Close()
	_, err := clients[2].Write([]byte("x"))
	check(t, err)
	_, err = third.Read(make([]byte, 1))
	check(t, err)
}

func TestClientsReachThePublishedUDPPort(t *testing.T) {
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	n := start(t, Config{UDP: []PublishedUDP{{Socket: s, Guest: 5353}}})
	server := n.guest.ListenUDP(5353)
	seen := make(chan netip.AddrPort, 100)
	go func() {
		buf := make([]byte, maxDatagram)
		for {
			got, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			seen <- from.(*net.UDPAddr).AddrPort()
			_, _ = server.WriteTo(buf[:got], from)
		}
	}()
	deadline, _ := soon(t).Deadline()
	var clients []net.Conn
	for range 5 {
		c, err := net.Dial("udp4", s.LocalAddr().String())
		check(t, err)
		defer c.Close()
		check(t, c.SetDeadline(deadline))
		clients = append(clients, c)
	}
	ports := make(map[netip.AddrPort]int)
	for round := range 3 {
		for i, c := range clients {
			// The largest is in fragments on its way to the guest and back.
			for _, size := range []int{0, 1, 1472, 9000} {
				want := make([]byte, size)
				for k := range want {
					want[k] = byte(i + round + k)
				}
				_, err := c.Write(want)
				check(t, err)
				got := make([]byte, maxDatagram)
				l, err := c.Read(got)
				if err != nil || string(got[:l]) != string(want) {
					t.Fatalf("client %d: %d bytes, want %d, or others; %v", i, l, size, err)
				}
				from := <-seen
				if from.Addr() != gateway {
					t.Errorf("the guest sees %v", from)
				}
				if before, ok := ports[from]; ok && before != i {
					t.Errorf("clients %d and %d are the same to the guest", before, i)
				}
				ports[from] = i
			}
		}
	}
	if len(ports) != len(clients) {
		t.Errorf("the guest sees %d clients, want %d", len(ports), len(clients))
	}
}

func TestAClientThatMadeRoomComesBack(t *testing.T) {
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	n := start(t, Config{UDP: []PublishedUDP{{Socket: s, Guest: 5353}}}, func(n *Network) { n.clients = newFlows(1) })
	server := n.guest.ListenUDP(5353)
	go func() {
		buf := make([]byte, 100)
		for {
			got, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buf[:got], from)
		}
	}()
	deadline, _ := soon(t).Deadline()
	clients := []*net.UDPConn{nil, nil}
	for i := range clients {
		clients[i], err = net.DialUDP("udp4", nil, s.LocalAddr().(*net.UDPAddr))
		check(t, err)
		defer clients[i].Close()
		check(t, clients[i].SetDeadline(deadline))
	}
	for _, i := range []int{0, 1, 0, 1} {
		_, err = clients[i].Write([]byte("x"))
		check(t, err)
		if _, err := clients[i].Read(make([]byte, 10)); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
}

func TestTheGuestReachesUDPServers(t *testing.T) {
	n := start(t, Config{})
	server := outside(t, echoUDP, netdtest.OtherAddress)
	c, err := n.guest.DialUDP(server)
	check(t, err)
	defer c.Close()
	deadline, _ := soon(t).Deadline()
	check(t, c.SetDeadline(deadline))
	for _, size := range []int{0, 1, 1472, 1473, 9000, 60000} {
		want := make([]byte, size)
		for k := range want {
			want[k] = byte(k)
		}
		_, err := c.Write(want)
		check(t, err)
		got := make([]byte, maxDatagram)
		l, err := c.Read(got)
		if err != nil || string(got[:l]) != string(want) {
			t.Fatalf("%d bytes, want %d, or others; %v", l, size, err)
		}
	}
}
