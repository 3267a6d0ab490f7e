package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os/exec"
	"strconv"
	"sync"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/bench/figures"
)

// servers are the host's ends of what guests measure.
type servers struct {
	wait    sync.WaitGroup
	mu      sync.Mutex // guards what follows
	closers []io.Closer
	closed  bool
}

// serve starts the servers that all monitors' guests reach alike.
func serve() (_ *servers, err error) {
	s := &servers{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	echo, err := net.ListenPacket("udp4", ":"+strconv.Itoa(figures.EchoPort))
	if err != nil {
		return nil, err
	}
	s.start(echo, func() { serveEcho(echo) })
	for port, handle := range streamHandlers {
		l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, port, nil)
		if err != nil {
			return nil, err
		}
		s.start(l, func() { s.accept(l, handle) })
	}
	return s, nil
}

// hybrid starts the servers for a monitor whose guest's streams come at unix
// sockets beside path.
func hybrid(path string) (_ *servers, err error) {
	s := &servers{}
	for port, handle := range streamHandlers {
		l, err := net.Listen("unix", path+"_"+strconv.Itoa(int(port)))
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.start(l, func() { s.accept(l, handle) })
	}
	return s, nil
}

// start runs a server that ends when c is closed.
func (s *servers) start(c io.Closer, run func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return
	}
	s.closers = append(s.closers, c)
	s.wait.Go(run)
}

func (s *servers) accept(l net.Listener, handle func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.start(conn, func() {
			handle(conn)
			_ = conn.Close()
		})
	}
}

func (s *servers) close() error {
	s.mu.Lock()
	s.closed = true
	for _, c := range s.closers {
		_ = c.Close() // most connections are closed already
	}
	s.mu.Unlock()
	s.wait.Wait()
	return nil
}

var streamHandlers = map[uint32]func(net.Conn){
	figures.StreamOutPort: takeAll,
	figures.StreamInPort:  sendAlways,
}

const streamChunk = 64 << 10 // bytes of one read or write

// takeAll reads to the end, and tells how much it was.
func takeAll(conn net.Conn) {
	var got uint64
	for chunk := make([]byte, streamChunk); ; {
		n, err := conn.Read(chunk)
		got += uint64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return
		}
	}
	_, _ = conn.Write(binary.LittleEndian.AppendUint64(nil, got))
}

// sendAlways writes until nobody reads.
func sendAlways(conn net.Conn) {
	for chunk := make([]byte, streamChunk); ; {
		if _, err := conn.Write(chunk); err != nil {
			return
		}
	}
}

func serveEcho(conn net.PacketConn) {
	var b [2048]byte
	for {
		n, from, err := conn.ReadFrom(b[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = conn.WriteTo(b[:n], from)
		}
	}
}

// startIperf starts the server of TCP figures, one for each machine: a client
// that died would leave it busy.
func startIperf() (stop func(), err error) {
	cmd := exec.Command("iperf3", "-s")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}, nil
}
