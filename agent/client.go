package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// helloInterval is how long a client waits for an answer before it flushes the
// server with a frame's worth of zeros and says hello again.
const helloInterval = time.Second

// ErrDisconnected says that the pipe to the agent broke, or carried something
// else than its protocol.
var ErrDisconnected = errors.New("connection to the agent lost")

// Client runs programs through the agent at the other end of a pipe. Its
// methods may be used from any goroutine.
type Client struct {
	conn io.ReadWriteCloser
	out  *pipeWriter
	done chan struct{} // the reader has ended

	mu    sync.Mutex
	procs map[uint32]*Process
	last  uint32
	pings map[string]chan struct{}
	err   error // why the connection is over

	version uint16 // of the protocol, chosen by the server
}

// pipeWriter writes whole frames, one at a time.
type pipeWriter struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

func (w *pipeWriter) frame(f *frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = f.append(w.buf[:0])
	_, err := w.w.Write(w.buf)
	return err
}

// NewClient says hello on conn and waits for the answer until ctx ends. It owns
// conn from then on, and closes it when it returns an error.
func NewClient(ctx context.Context, conn io.ReadWriteCloser) (*Client, error) {
	id, err := newSessionID()
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &Client{
		conn:  conn,
		out:   &pipeWriter{w: conn},
		done:  make(chan struct{}),
		procs: make(map[uint32]*Process),
		pings: make(map[string]chan struct{}),
	}
	mine := hello{low: versionLow, high: versionHigh, session: id}
	fr := newFrameReader(conn)
	answered := make(chan error, 1)
	go func() {
		version, err := awaitAnswer(fr, mine.session)
		c.version = version
		answered <- err
		if err == nil {
			c.read(fr, mine.session)
		}
		close(c.done)
	}()
	if err := c.greet(ctx, &mine, answered); err != nil {
		conn.Close()
		<-c.done
		return nil, err
	}
	return c, nil
}

// greet sends hellos until one was answered. A write may block while the other
// end does not read, so that it has a goroutine of its own, which ends with the
// connection at the latest.
func (c *Client) greet(ctx context.Context, mine *hello, answered <-chan error) error {
	first := mine.encode(magicClient)
	again := append(make([]byte, frameHeaderSize+maxPayload), first...)
	wrote := make(chan error, 1)
	send := func(b []byte) {
		_, err := c.conn.Write(b)
		wrote <- err
	}
	go send(first)
	writing := true
	timer := time.NewTimer(helloInterval)
	defer timer.Stop()
	for {
		select {
		case err := <-answered:
			if err != nil {
				return fmt.Errorf("agent: hello: %w", err)
			}
			if writing { // frames must not get into the middle of a hello
				if err := <-wrote; err != nil {
					return fmt.Errorf("agent: hello: %w", err)
				}
			}
			return nil
		case err := <-wrote:
			writing = false
			if err != nil {
				return fmt.Errorf("agent: hello: %w", err)
			}
		case <-timer.C:
			if !writing {
				writing = true
				go send(again)
			}
			timer.Reset(helloInterval)
		case <-ctx.Done():
			return fmt.Errorf("agent: hello: no answer: %w", context.Cause(ctx))
		}
	}
}

// awaitAnswer reads up to the answer to this session's hello, past anything
// that the server sent to clients before.
func awaitAnswer(fr *frameReader, id sessionID) (version uint16, err error) {
	for {
		_, h, err := fr.next(magicServer)
		switch {
		case errors.Is(err, errGarbage):
			if err := fr.skip(magicServer); err != nil {
				return 0, fmt.Errorf("read: %w", err)
			}
		case err != nil:
			return 0, fmt.Errorf("read: %w", err)
		case h == nil || h.session != id:
			// An old client's frame, or the answer to its hello.
		case h.high == 0:
			return 0, versionError(&hello{low: h.low, extra: h.extra})
		case h.high < versionLow || h.high > versionHigh:
			return 0, fmt.Errorf("the server chose version %d: %w", h.high, errGarbage)
		default:
			return h.high, nil
		}
	}
}

// Close ends the session. Processes end or run on as their commands say.
func (c *Client) Close() error {
	c.mu.Lock()
	over := c.err != nil
	if !over {
		c.err = ErrDisconnected
	}
	c.mu.Unlock()
	if !over {
		// The word matters on a pipe that outlives this end. A server that does
		// not read must not hold it up for ever, so the close comes anyway.
		said := make(chan struct{})
		go func() {
			_ = c.out.frame(&frame{kind: typeBye})
			close(said)
		}()
		timer := time.NewTimer(helloInterval)
		select {
		case <-said:
		case <-c.done:
		case <-timer.C:
		}
		timer.Stop()
	}
	err := c.conn.Close()
	<-c.done
	return err
}

// Done is closed when the connection is over, whoever ended it.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the connection is over; nil while it is not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Ping waits for the agent to answer.
func (c *Client) Ping(ctx context.Context) error {
	id, err := newSessionID()
	if err != nil {
		return err
	}
	answered := make(chan struct{})
	c.mu.Lock()
	err = c.err
	c.pings[string(id[:])] = answered
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pings, string(id[:]))
		c.mu.Unlock()
	}()
	if err != nil {
		return err
	}
	go func() { _ = c.out.frame(&frame{kind: typePing, payload: id[:]}) }()
	select {
	case <-answered:
		return nil
	case <-c.done:
		return c.Err()
	case <-ctx.Done():
		return fmt.Errorf("agent: ping: %w", context.Cause(ctx))
	}
}

// Spawn starts a program and returns when it runs, or could not be started: a
// [*SpawnError] says why. The end of ctx ends the wait, and the process with
// it if it was started.
func (c *Client) Spawn(ctx context.Context, cmd Command) (*Process, error) {
	req, err := cmd.request()
	if err != nil {
		return nil, err
	}
	if cmd.Builtin && c.version < versionBuiltin {
		return nil, fmt.Errorf("built-in %q: version %d of the protocol: %w", cmd.Args[0], c.version, ErrNoBuiltin)
	}
	p := newProcess(c, &cmd, req)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, c.err
	}
	if len(c.procs) >= maxProcesses {
		c.mu.Unlock()
		return nil, fmt.Errorf("command %q: %d processes run on this connection already", cmd.Args[0], maxProcesses)
	}
	for {
		c.last++
		if _, used := c.procs[c.last]; !used && c.last != 0 {
			break
		}
	}
	p.id = c.last
	c.procs[p.id] = p
	c.mu.Unlock()

	// The process may be over before this goroutine runs again, so whoever
	// copies its output is there first.
	p.receive(&cmd)
	if err := c.sendSpawn(p.id, req.encode()); err != nil {
		c.forget(p.id)
		err = fmt.Errorf("%w: %w", ErrDisconnected, err)
		p.lost(err)
		return nil, fmt.Errorf("command %q: %w", cmd.Args[0], err)
	}
	select {
	case <-p.started:
	case <-ctx.Done():
		// It may run by now: whoever asked is gone, so it has to go too.
		go func() { _ = p.Kill() }()
		p.drop()
		return nil, fmt.Errorf("command %q: start: %w", cmd.Args[0], context.Cause(ctx))
	}
	if p.refused != nil {
		var refused *SpawnError
		if errors.As(p.refused, &refused) {
			return nil, refused
		}
		return nil, fmt.Errorf("command %q: start: %w", cmd.Args[0], p.refused)
	}
	if cmd.Stdin != nil {
		go p.feed(cmd.Stdin)
	}
	return p, nil
}

func (c *Client) sendSpawn(id uint32, b []byte) error {
	for {
		n := min(len(b), maxPayload)
		f := frame{kind: typeSpawn, process: id, payload: b[:n], more: n < len(b)}
		if err := c.out.frame(&f); err != nil {
			return err
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
	}
}

func (c *Client) forget(id uint32) {
	c.mu.Lock()
	delete(c.procs, id)
	c.mu.Unlock()
}

// read takes frames off the pipe until it breaks. It never waits for anything
// but the pipe.
func (c *Client) read(fr *frameReader, id sessionID) {
	err := c.readFrames(fr, id)
	c.mu.Lock()
	if c.err == nil {
		c.err = fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	err = c.err
	procs := c.procs
	c.procs = nil
	c.mu.Unlock()
	for _, p := range procs {
		p.lost(err)
	}
	c.conn.Close()
}

func (c *Client) readFrames(fr *frameReader, id sessionID) error {
	for {
		f, h, err := fr.next(magicServer)
		if err != nil {
			return err
		}
		if h != nil {
			if h.session != id {
				return fmt.Errorf("answer to a hello that is not ours: %w", errGarbage)
			}
			continue // the second answer to a hello sent twice
		}
		if f.kind == typePong {
			c.mu.Lock()
			if answered := c.pings[string(f.payload)]; answered != nil {
				delete(c.pings, string(f.payload))
				close(answered)
			}
			c.mu.Unlock()
			continue
		}
		c.mu.Lock()
		p := c.procs[f.process]
		c.mu.Unlock()
		if p == nil {
			continue
		}
		if err := p.take(f); err != nil {
			return err
		}
	}
}

// take acts on a frame for this process. Only the client's reader calls it.
func (p *Process) take(f *frame) error {
	switch f.kind {
	case typeStarted:
		if !p.settle(int(binary.LittleEndian.Uint32(f.payload)), nil) {
			return fmt.Errorf("process %d started twice: %w", f.process, errGarbage)
		}
	case typeRefused:
		if p.isStarted() {
			return fmt.Errorf("process %d refused after its start: %w", f.process, errGarbage)
		}
		p.client.forget(p.id)
		p.refuse(decodeRefusal(p.name, f.payload))
	case typeData:
		b := p.output(f.channel)
		if b == nil || !b.push(f.payload) {
			return fmt.Errorf("process %d: %d bytes too many on channel %d: %w", f.process, len(f.payload), f.channel, errGarbage)
		}
	case typeClose:
		if f.channel == chanStdin {
			p.stdin.close()
		} else if b := p.output(f.channel); b != nil {
			b.end()
		}
	case typeCredit:
		if f.channel != chanStdin || !p.stdin.give(binary.LittleEndian.Uint32(f.payload)) {
			return fmt.Errorf("process %d: credit on channel %d: %w", f.process, f.channel, errGarbage)
		}
	case typeExit:
		exit, err := decodeExit(f.payload)
		if err != nil {
			return err
		}
		if !p.isStarted() {
			return fmt.Errorf("process %d ended before it started: %w", f.process, errGarbage)
		}
		p.client.forget(p.id)
		p.ended(exit, nil)
	default:
		return fmt.Errorf("type %#x from a server: %w", uint8(f.kind), errGarbage)
	}
	return nil
}
