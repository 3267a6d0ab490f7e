package manager

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
)

// Start runs a created or exited instance.
func (m *Manager) Start(ctx context.Context, ref string) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	unlock, err := m.lock(ctx, id)
	if err != nil {
		return failed(ref, "start", err)
	}
	defer unlock()
	return failed(ref, "start", m.start(ctx, id))
}

// start is Start for whoever holds the instance's lock.
func (m *Manager) start(ctx context.Context, id string) error {
	st, err := m.settle(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case st.Status == instance.Running:
		return nil // as it was asked for
	case st.Status.Live():
		return wrongState("it is %s", st.Status)
	case st.Restarting:
		return wrongState("it is being started again")
	case st.Gone():
		return m.goneError(id, st)
	}
	if started, err := m.awaitSupervisorsEnd(ctx, id); err != nil || started {
		return err
	}
	// It may move on from here, which its state says then in place of how it came.
	if err := m.noteArrival(st); err != nil {
		return err
	}
	return m.spawn(ctx, id)
}

// goneError is why a machine does not start that was given to another host.
func (m *Manager) goneError(id string, st *instance.State) error {
	name := instance.ShortID(id)
	if d, err := m.store.Description(id); err == nil {
		name = d.Name
	}
	return st.GoneError(name)
}

func wrongState(format string, args ...any) error {
	return &instance.Error{Kind: instance.KindWrongState, Err: fmt.Errorf(format, args...)}
}

// endTime bounds how long a supervisor takes to end that has written the end of its
// instance.
const endTime = 30 * time.Second

// awaitSupervisorsEnd waits for a supervisor that has nothing left to do. One that is
// about to start the instance, for a command that was given up, may be met too: it is
// waited for until it has ended or the instance has started.
func (m *Manager) awaitSupervisorsEnd(ctx context.Context, id string) (started bool, err error) {
	deadline := time.After(endTime)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		alive, err := m.store.Alive(id)
		if err != nil || !alive {
			return false, err
		}
		// One whose state cannot be read has to end.
		if st, err := m.store.State(id); err == nil && pending(st) {
			return true, nil
		}
		select {
		case <-time.After(pause):
		case <-deadline:
			return false, &instance.Error{Kind: instance.KindBusy, Err: fmt.Errorf("its supervisor is at work and was not done within %v: it may be about to start it", endTime)}
		case <-ctx.Done():
			return false, &instance.Error{Kind: instance.KindBusy, Err: fmt.Errorf("its supervisor is at work: %w", context.Cause(ctx))}
		}
	}
}

// readyFD is the descriptor on which a supervisor says that its instance runs, or
// why not.
const readyFD = 3

// spawn starts a supervisor and waits for its word. The supervisor goes on by
// itself when this process ends.
func (m *Manager) spawn(ctx context.Context, id string) error {
	ready, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	defer ready.Close()
	words, err := os.OpenFile(filepath.Join(m.store.Dir(id), "supervisor.err"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		theirs.Close()
		return err
	}
	defer words.Close()
	cmd := m.supervisorCommand("-id", id)
	cmd.Stderr = words
	cmd.ExtraFiles = []*os.File{theirs}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	// It is this process's child for as long as both live.
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return m.awaitReady(ctx, id, ready, ended)
}

// awaitReady reads a supervisor's word. Where ctx ends first, the supervisor is
// told to give up.
func (m *Manager) awaitReady(ctx context.Context, id string, ready *os.File, ended <-chan error) error {
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(ready).ReadBytes('\n')
	var reply supervisor.Reply
	if err == nil {
		err = json.Unmarshal(line, &reply)
	}
	if err == nil {
		return reply.Failure()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("it may still start: %w", context.Cause(ctx))
	}
	select {
	case err = <-ended:
	case <-time.After(endTime):
	}
	said, _ := os.ReadFile(filepath.Join(m.store.Dir(id), "supervisor.err"))
	return fmt.Errorf("its supervisor ended before the machine ran (%v): %s", err, lastLine(said))
}

// lastLine is the end of what a process said, for a message.
func lastLine(b []byte) string {
	const most = 500
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == '\n' {
			b = b[i+1:]
			break
		}
	}
	if len(b) == 0 {
		return "it said nothing"
	}
	return fmt.Sprintf("%q", b[:min(len(b), most)])
}
