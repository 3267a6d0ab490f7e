package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// Client is a connection to QEMU's monitor. It is for one goroutine.
type Client struct {
	conn    net.Conn
	replies *json.Decoder
}

// message is one that QEMU sends, as far as it matters here.
type message struct {
	Greeting json.RawMessage `json:"QMP"`
	Return   json.RawMessage `json:"return"`
	Error    json.RawMessage `json:"error"`
}

// Dial returns when QEMU has greeted at its socket.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	q := &Client{conn: conn, replies: json.NewDecoder(conn)}
	m, err := q.read(ctx)
	if err == nil && m.Greeting == nil {
		err = errors.New("QEMU's first word is no greeting")
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return q, nil
}

// Close ends the connection.
func (q *Client) Close() error { return q.conn.Close() }

func (q *Client) read(ctx context.Context) (m message, err error) {
	stop := context.AfterFunc(ctx, func() { _ = q.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err = q.replies.Decode(&m); err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return m, err
}

// Do has QEMU obey a command with arguments, which may be nil.
func (q *Client) Do(ctx context.Context, command string, arguments map[string]any) error {
	return q.Ask(ctx, command, arguments, nil)
}

// Ask is Do for a command whose answer goes into reply, unless that is nil.
func (q *Client) Ask(ctx context.Context, command string, arguments map[string]any, reply any) error {
	if err := q.ask(ctx, command, arguments, reply); err != nil {
		return fmt.Errorf("QEMU: %s: %w", command, err)
	}
	return nil
}

func (q *Client) ask(ctx context.Context, command string, arguments map[string]any, reply any) error {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(q.conn).Encode(request); err != nil {
		return err
	}
	for {
		m, err := q.read(ctx)
		switch {
		case err != nil:
			return err
		case m.Error != nil:
			return fmt.Errorf("%s", m.Error)
		case m.Return != nil && reply != nil:
			return json.Unmarshal(m.Return, reply)
		case m.Return != nil:
			return nil
		}
		// All else is an event.
	}
}

// Human has QEMU obey a command of the monitor that is for people, whose complaint is
// its answer: those that have one have nothing else to say.
func (q *Client) Human(ctx context.Context, command string) error {
	var said string
	if err := q.Ask(ctx, "human-monitor-command", map[string]any{"command-line": command}, &said); err != nil {
		return err
	}
	if said != "" {
		return fmt.Errorf("QEMU: %s: %s", command, said)
	}
	return nil
}
