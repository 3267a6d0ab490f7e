package control

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// conn is one connection to a monitor: requests are answered one after the other,
// each once.
type conn struct {
	net.Conn
	handler Handler
	greeted bool

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	mu        sync.Mutex // guards what follows
	busy      bool       // a request is under way
	finishing bool       // and no other is to follow
}

func newConn(ctx context.Context, c net.Conn, h Handler) *conn {
	p := &conn{Conn: c, handler: h}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// serve answers until the connection ends, or a frame that is none.
func (c *conn) serve() {
	defer c.Close()
	stop := context.AfterFunc(c.ctx, func() { _ = c.Close() })
	defer stop()
	frames := make(chan received)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer c.cancel()
	_ = c.SetReadDeadline(time.Now().Add(helloTimeout))
	reader.Go(func() {
		// It reads while a request is under way as well: a peer that goes away ends
		// what it has asked for.
		defer c.cancel()
		files := &fileReader{}
		var r io.Reader = c
		if conn, ok := c.Conn.(*net.UnixConn); ok {
			files.conn = conn
			r = files
		}
		defer func() { closeFiles(files.take()) }()
		for {
			text, err := readFrame(r)
			if err != nil {
				return
			}
			f := received{text, files.take()}
			select {
			case frames <- f:
			case <-c.ctx.Done():
				closeFiles(f.files)
				return
			}
		}
	})
	for {
		select {
		case f := <-frames:
			went := c.begin() && c.write(c.answer(f)) && c.end()
			closeFiles(f.files) // those that were taken are closed already
			if !went {
				return
			}
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = true
	return !c.finishing
}

func (c *conn) end() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	return !c.finishing
}

// finish ends the connection after the request that is under way.
func (c *conn) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finishing = true
	if !c.busy {
		c.cancel()
	}
}

// received is a frame, and the descriptors that came with it.
type received struct {
	text  []byte
	files []*os.File
}

// answer is the reply to a request.
func (c *conn) answer(f received) reply {
	result, err := c.do(f)
	if err == nil {
		var encoded []byte
		if encoded, err = json.Marshal(result); err == nil {
			return reply{Result: encoded}
		}
	}
	return reply{Error: asError(err)}
}

func (c *conn) do(f received) (any, error) {
	var r request
	if err := decode(f.text, &r); err != nil {
		return nil, Errorf(BadRequest, "request: %w", err)
	}
	do := operationOf(r.Op)
	switch {
	case do == nil:
		return nil, Errorf(UnknownOperation, "operation %.64q: there is no such", r.Op)
	case !c.greeted && r.Op != opHello:
		return nil, Errorf(WrongState, "%s: hello has to come first", r.Op)
	}
	result, err := do(c.ctx, c.handler, arguments{r.Args, f.files})
	if r.Op == opHello && err == nil {
		c.greeted = true
		_ = c.SetReadDeadline(time.Time{})
	}
	return result, err
}

// write sends a reply, and reports whether the connection is still one.
func (c *conn) write(r reply) bool {
	frame, err := encodeFrame(r)
	if err != nil {
		if frame, err = encodeFrame(reply{Error: Errorf(Failed, "reply: %w", err)}); err != nil {
			return false
		}
	}
	if c.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
		return false
	}
	_, err = c.Write(frame)
	return err == nil
}
