package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeQMP answers commands as QEMU does, with events in between.
func fakeQMP(t *testing.T, greeting string, refuse string) string {
	path := filepath.Join(t.TempDir(), "qmp")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, greeting)
		for s := bufio.NewScanner(conn); s.Scan(); {
			var command struct {
				Execute   string
				Arguments map[string]any
			}
			if err := json.Unmarshal(s.Bytes(), &command); err != nil {
				t.Error(err)
			}
			answer := `{"event": "RESUME", "timestamp": {}} {"return": {}}`
			switch {
			case command.Execute == "query-migrate" && command.Arguments["a"] != nil:
				answer = `{"return": {"status": "completed"}}`
			case command.Arguments["command-line"] == "savevm x":
				answer = `{"return": "no disk\r\n"}`
			case command.Arguments["command-line"] != nil:
				answer = `{"return": ""}`
			}
			if command.Execute == refuse {
				answer = `{"error": {"class": "GenericError", "desc": "not now"}}`
			}
			fmt.Fprintln(conn, answer)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return path
}

const qemuGreeting = `{"QMP": {"version": {}, "capabilities": []}}` + "\n"

func TestQEMUGreetsAndObeys(t *testing.T) {
	q, err := Dial(t.Context(), fakeQMP(t, qemuGreeting, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"qmp_capabilities", "cont"} {
		if err := q.Do(t.Context(), command, nil); err != nil {
			t.Error(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

func TestQEMUsRefusalIsAnError(t *testing.T) {
	q, err := Dial(t.Context(), fakeQMP(t, qemuGreeting, "cont"))
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Do(t.Context(), "cont", nil); err == nil || !strings.Contains(err.Error(), "cont: ") || !strings.Contains(err.Error(), "not now") {
		t.Errorf("got %v", err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnotherPeerThanQEMUIsRefused(t *testing.T) {
	if _, err := Dial(t.Context(), fakeQMP(t, `{"return": {}}`+"\n", "")); err == nil {
		t.Error("it was taken for QEMU")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("too late")
	time.AfterFunc(time.Millisecond, func() { cancel(late) })
	if _, err := Dial(ctx, fakeQMP(t, "", "")); !errors.Is(err, late) {
		t.Errorf("who says nothing: %v", err)
	}
}

func TestAnAnswerIsRead(t *testing.T) {
	q, err := Dial(t.Context(), fakeQMP(t, qemuGreeting, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var state struct{ Status string }
	if err := q.Ask(t.Context(), "query-migrate", map[string]any{"a": 1}, &state); err != nil || state.Status != "completed" {
		t.Errorf("status %q, %v", state.Status, err)
	}
}

func TestWhatIsSaidToPeopleIsAnError(t *testing.T) {
	q, err := Dial(t.Context(), fakeQMP(t, qemuGreeting, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if err := q.Human(t.Context(), "savevm x"); err == nil || !strings.Contains(err.Error(), "savevm x: no disk") {
		t.Errorf("a complaint: %v", err)
	}
	if err := q.Human(t.Context(), "quiet"); err != nil {
		t.Error(err)
	}
}
