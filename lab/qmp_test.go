package lab

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// fakeMonitor answers each line that it reads with the next of answers, after a
// greeting.
func fakeMonitor(t *testing.T, greeting string, answers ...string) string {
	t.Helper()
	dir := t.TempDir()
	l, err := listen(dir, qmpSocket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		playMonitor(c, greeting, answers)
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return dir
}

func playMonitor(c net.Conn, greeting string, answers []string) {
	if _, err := c.Write([]byte(greeting + "\r\n")); err != nil {
		return
	}
	in := bufio.NewScanner(c)
	for _, a := range answers {
		if !in.Scan() {
			return
		}
		if _, err := c.Write([]byte(a)); err != nil {
			return
		}
	}
}

const (
	greetingLine = `{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}`
	okLine       = `{"return": {}}` + "\r\n"
	eventLine    = `{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESUME"}` + "\r\n"
)

func TestMonitorRunsCommandsPastEvents(t *testing.T) {
	dir := fakeMonitor(t, greetingLine, okLine, eventLine+`{"return": "CPU#0\r\n"}`+"\r\n", `{"error": {"class": "GenericError", "desc": "no way"}}`+"\r\n")
	m, err := dialMonitor(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	text, err := m.human(t.Context(), "info registers -a")
	if err != nil || text != "CPU#0\r\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := m.quit(t.Context()); err == nil || !strings.Contains(err.Error(), "no way") {
		t.Errorf("error %v, want the monitor's", err)
	}
	if err := m.quit(t.Context()); err == nil {
		t.Error("after the end: no error")
	}
}

func TestMonitorRefusesGarbage(t *testing.T) {
	tests := map[string][]string{
		"no JSON":     {"hello"},
		"no greeting": {"{}"},
		"no answer":   {greetingLine},
		"bad answer":  {greetingLine, "[]\r\n"},
		"long answer": {greetingLine, `{"return": "` + strings.Repeat("x", maxMonitorLine) + `"}` + "\r\n"},
	}
	for name, lines := range tests {
		t.Run(name, func(t *testing.T) {
			dir := fakeMonitor(t, lines[0], lines[1:]...)
			if m, err := dialMonitor(t.Context(), dir); err == nil {
				m.close()
				t.Error("no error")
			}
		})
	}
}

func TestMonitorThatIsSilentIsLeft(t *testing.T) {
	dir := t.TempDir()
	l, err := listen(dir, qmpSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if m, err := dialMonitor(ctx, dir); err == nil {
		m.close()
		t.Error("no error")
	}
}
