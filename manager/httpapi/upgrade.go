package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// upgradeName is the protocol of upgraded connections.
const upgradeName = "hull-stream"

// exitFrame is the last frame of a stream: how the program ended, or why the
// stream did. It is empty where the instance of a console has ended.
type exitFrame struct {
	Code   *int     `json:"code,omitempty"`   // as a shell has it: 128 + N for signal N
	Signal *int     `json:"signal,omitempty"` // that ended it
	Error  *Failure `json:"error,omitempty"`
}

// checkUpgrade refuses a request that is not for an upgraded connection.
func checkUpgrade(r *http.Request) error {
	if !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", upgradeName) {
		return refused(kindNoUpgrade, "the route is for upgraded connections: send \"Connection: Upgrade\" and \"Upgrade: %s\"", upgradeName)
	}
	return nil
}

// hasToken reports whether a header's list has a word.
func hasToken(h http.Header, name, word string) bool {
	for _, line := range h.Values(name) {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(token), word) {
				return true
			}
		}
	}
	return false
}

// stream is an upgraded connection. Output may be written before it is open, and
// waits.
type stream struct {
	opened chan struct{}
	shut   context.Context // ends what waits
	conn   net.Conn
	reader *bufio.Reader

	mu     sync.Mutex // of what is written
	buffer []byte
}

func newStream(ctx context.Context) *stream {
	return &stream{opened: make(chan struct{}), shut: ctx}
}

// open takes the connection from the server.
func (st *stream) open(w http.ResponseWriter) error {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	st.conn, st.reader = conn, rw.Reader
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", upgradeName)
	_ = conn.SetDeadline(time.Time{}) // a client may pause for as long as it likes
	if err != nil {
		conn.Close()
		return fmt.Errorf("upgrade: %w", err)
	}
	close(st.opened)
	return nil
}

// output is one of the streams to the client.
type output struct {
	st *stream
	t  frameType
}

func (o output) Write(b []byte) (int, error) {
	select {
	case <-o.st.opened:
	case <-o.st.shut.Done():
		return 0, context.Cause(o.st.shut)
	}
	for rest := b; len(rest) > 0; {
		n := min(len(rest), framePayload)
		if err := o.st.frame(o.t, rest[:n]); err != nil {
			return len(b) - len(rest), err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

func (st *stream) frame(t frameType, payload []byte) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.buffer = appendFrame(st.buffer[:0], t, payload)
	_, err := st.conn.Write(st.buffer)
	return err
}

// beat tells the client now and then that the server is there, and so finds out
// whether the client is: its silence means nothing while its input is not taken.
func (st *stream) beat(ctx context.Context, every time.Duration, end context.CancelCauseFunc) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if st.frame(frameStdout, nil) != nil {
				end(errVanished)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// lingerTime is how long a client may take to read the last frame and close.
const lingerTime = 5 * time.Second

// finish says how the stream ended and lets the connection go. What the client
// still sends is read, or the connection's end could overtake the last frame.
func (st *stream) finish(last exitFrame, read <-chan struct{}) {
	_ = st.conn.SetDeadline(time.Now().Add(lingerTime))
	b, _ := json.Marshal(last) // of numbers and strings
	if st.frame(frameExit, b) == nil {
		if half, ok := st.conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		<-read
	}
	st.conn.Close()
	<-read
}

// failed is the last frame of a stream that did not end by itself.
func failed(ctx context.Context, err error) exitFrame {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return exitFrame{Error: &Failure{Kind: instance.KindOf(err), Message: err.Error()}}
}

var _ io.Writer = output{}
