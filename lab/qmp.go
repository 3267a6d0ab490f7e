package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// maxMonitorLine bounds one message of the emulator's monitor, in bytes.
const maxMonitorLine = 1 << 20

// monitor is a connection to an emulator's monitor (QEMU Machine Protocol).
type monitor struct {
	host string
	conn *net.UnixConn
	in   *bufio.Scanner
}

// dialMonitor connects to the emulator of a host's directory. It serves one
// caller at a time; others wait, until ctx ends.
func dialMonitor(ctx context.Context, dir string) (*monitor, error) {
	conn, err := dial(dir, qmpSocket)
	if err != nil {
		return nil, err
	}
	m := &monitor{host: filepath.Base(dir), conn: conn, in: bufio.NewScanner(conn)}
	m.in.Buffer(nil, maxMonitorLine)
	m.limit(ctx)
	var greeting struct {
		QMP json.RawMessage `json:"QMP"`
	}
	if err := m.read(&greeting); err == nil && greeting.QMP == nil {
		err = errors.New("no greeting")
		m.close()
		return nil, fmt.Errorf("lab host %q: monitor: %w", m.host, err)
	} else if err != nil {
		m.close()
		return nil, fmt.Errorf("lab host %q: monitor: %w", m.host, err)
	}
	if _, err := m.run(ctx, "qmp_capabilities", nil); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// limit makes reads and writes fail when ctx ends, or after ten seconds.
func (m *monitor) limit(ctx context.Context) {
	deadline := time.Now().Add(10 * time.Second)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	_ = m.conn.SetDeadline(deadline)
}

func (m *monitor) read(v any) error {
	if !m.in.Scan() {
		if err := m.in.Err(); err != nil {
			return err
		}
		return errors.New("the emulator closed it")
	}
	return json.Unmarshal(m.in.Bytes(), v)
}

// run executes one command and returns what it returned.
func (m *monitor) run(ctx context.Context, command string, args any) (json.RawMessage, error) {
	m.limit(ctx)
	fail := func(err error) (json.RawMessage, error) {
		return nil, fmt.Errorf("lab host %q: monitor: %s: %w", m.host, command, err)
	}
	b, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, args})
	if err != nil {
		return fail(err)
	}
	if _, err := m.conn.Write(append(b, '\n')); err != nil {
		return fail(err)
	}
	for {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		if err := m.read(&answer); err != nil {
			return fail(err)
		}
		switch {
		case answer.Error != nil:
			return fail(errors.New(answer.Error.Desc))
		case answer.Return != nil:
			return answer.Return, nil
		}
		// An event.
	}
}

// human executes a command of the monitor for people and returns its text.
func (m *monitor) human(ctx context.Context, line string) (string, error) {
	out, err := m.run(ctx, "human-monitor-command", map[string]string{"command-line": line})
	if err != nil {
		return "", err
	}
	var text string
	if err := json.Unmarshal(out, &text); err != nil {
		return "", fmt.Errorf("lab host %q: monitor: %s: %w", m.host, line, err)
	}
	return text, nil
}

func (m *monitor) quit(ctx context.Context) error {
	_, err := m.run(ctx, "quit", nil)
	return err
}

func (m *monitor) close() { _ = m.conn.Close() }
