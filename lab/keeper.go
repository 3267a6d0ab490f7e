package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

// What a keeper inherits from its starter.
const (
	// readyFD is where it tells how the start went: one line of JSON,
	// [started], then the end of the pipe.
	readyFD = 3

	// lockFD is the lock of the host's directory, taken: there is no moment in
	// which the host looks dead.
	lockFD = 4
)

// started is what a keeper tells its starter.
type started struct {
	Error string `json:"error,omitempty"`
}

// keeper is the process that owns one host from its start to its end.
type keeper struct {
	dir    string
	cache  string
	spec   *Spec
	record record

	qemu   *exec.Cmd
	exited chan struct{} // the emulator has ended
	client *agent.Client

	dyingOnce sync.Once
	dying     death // see died

	listener *net.UnixListener
	segment  *segment // nil without a network
}

// Keep is the whole life of a keeper: it runs the host of this directory, whose
// spec.json a starter has written, until it is told to end, nobody has used it
// for the time that the spec says, or the emulator is gone. The directory is
// removed unless the emulator ended by itself: then what is there may tell why.
//
// The caller is a process of its own ([Lab.Up] starts it) that does nothing
// else.
func Keep(ctx context.Context, dir, cacheDir string) error {
	// The emulator shall inherit neither.
	unix.CloseOnExec(readyFD)
	unix.CloseOnExec(lockFD)
	ready := os.NewFile(readyFD, "the starter's pipe")
	held := os.NewFile(lockFD, "the host's lock")
	defer runtime.KeepAlive(held)
	k, err := startKeeper(ctx, dir, cacheDir)
	tell := started{}
	if err != nil {
		tell.Error = err.Error()
	}
	// The starter may be gone: that changes nothing.
	if line, encodeErr := json.Marshal(tell); encodeErr == nil && ready != nil {
		_, _ = ready.Write(append(line, '\n'))
	}
	if ready != nil {
		_ = ready.Close()
	}
	if err != nil {
		return err
	}
	return k.run(ctx)
}

// startKeeper starts the emulator and waits until the agent answers.
func startKeeper(ctx context.Context, dir, cacheDir string) (_ *keeper, err error) {
	k := &keeper{dir: dir, cache: cacheDir, exited: make(chan struct{})}
	if k.spec, err = readSpec(dir); err != nil {
		return nil, err
	}
	begin := time.Now()
	k.record = record{Version: recordVersion, Started: begin}
	if k.record.Keeper, err = identify(os.Getpid()); err != nil {
		return nil, err
	}
	conn, err := k.startEmulator()
	if err != nil {
		return nil, err
	}
	if err := writeJSON(dir, recordFile, k.record); err != nil {
		return nil, errors.Join(err, k.stopEmulator())
	}
	if err := k.connectAgent(ctx, conn); err != nil {
		report := k.bootReport()
		return nil, errors.Join(fmt.Errorf("lab host %q: start: %w%s", k.spec.Name, err, report), k.stopEmulator())
	}
	if k.listener, err = listen(dir, execSocket); err != nil {
		return nil, errors.Join(err, k.stopEmulator())
	}
	k.record.Ready = true
	k.record.BootTime = time.Since(begin).Seconds()
	if err := writeJSON(dir, recordFile, k.record); err != nil {
		return nil, errors.Join(err, k.stopEmulator())
	}
	return k, nil
}

// startEmulator returns the machine's end of the agent's pipe.
func (k *keeper) startEmulator() (net.Conn, error) {
	e, err := k.emulator()
	if err != nil {
		return nil, err
	}
	k.record.Emulator = *e
	fmt.Fprintf(os.Stderr, "emulator %s: %s\n", e.Path, e.Remark)

	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("lab host %q: agent's pipe: %w", k.spec.Name, err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "agent"), os.NewFile(uintptr(fds[1]), "agent")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, fmt.Errorf("lab host %q: agent's pipe: %w", k.spec.Name, err)
	}

	log, err := os.OpenFile(filepath.Join(k.dir, emulatorLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("lab host %q: log: %w", k.spec.Name, err)
	}
	defer log.Close()

	cmd := exec.Command(e.Path, arguments(k.spec)...)
	cmd.Dir = k.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs} // agentFD
	if k.spec.Network != "" {
		wire, err := k.join()
		if err != nil {
			conn.Close()
			return nil, err
		}
		defer wire.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, wire) // segmentFD
	}
	// The kernel sends the signal when the thread that started the emulator
	// ends, so that thread must be one that lasts: it waits for the emulator.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	startErr := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		startErr <- err
		if err == nil {
			_ = cmd.Wait() // the state says it
			close(k.exited)
		}
	}()
	if err := <-startErr; err != nil {
		conn.Close()
		return nil, fmt.Errorf("lab host %q: emulator %q: start: %w", k.spec.Name, e.Path, reason(err))
	}
	k.qemu = cmd
	if k.record.QEMU, err = identify(cmd.Process.Pid); err != nil {
		<-k.exited
		conn.Close()
		return nil, fmt.Errorf("lab host %q: emulator ended at once%s", k.spec.Name, tail(filepath.Join(k.dir, emulatorLog)))
	}
	return conn, nil
}

func (k *keeper) emulator() (*Emulator, error) {
	if k.spec.Unmended {
		return &Emulator{Installed: k.spec.Emulator, Path: k.spec.Emulator, Remark: "not mended: as asked for"}, nil
	}
	return PrepareEmulator(k.spec.Emulator, k.cache)
}

// connectAgent waits for the agent's answer, for the emulator's end, or for as
// long as the spec says.
func (k *keeper) connectAgent(ctx context.Context, conn net.Conn) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, k.spec.BootTime, fmt.Errorf("no answer within %v", k.spec.BootTime))
	defer cancel()
	ctx, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	go func() {
		select {
		case <-k.exited:
			ended(errors.New(k.fate()))
		case <-ctx.Done():
		}
	}()
	k.client, err = agent.NewClient(ctx, conn)
	if err != nil && ctx.Err() == nil {
		select { // the pipe's end is seen before the emulator's
		case <-k.exited:
			return errors.New(k.fate())
		case <-time.After(time.Second):
		}
	}
	return err
}

// run serves callers until the host ends.
func (k *keeper) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	down := make(chan struct{}, 1)
	s := newServer(agentSpawner{k.client}, k.report, k.explain, func() {
		select {
		case down <- struct{}{}:
		default:
		}
	})
	if k.segment != nil {
		s.names = &names{state: k.segment.state, network: k.segment.network}
	}
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx, k.listener) }()

	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	lost := k.wait(s, down, signals)
	fmt.Fprintf(os.Stderr, "ending: %v\n", lost.why)
	var err error
	if lost.unexpected {
		end := k.died()
		k.record.End = &end
		err = writeJSON(k.dir, recordFile, k.record) // others now see that it is dead
	}
	err = errors.Join(err, k.listener.Close())
	cancel()
	select {
	case serveErr := <-served:
		err = errors.Join(err, serveErr)
	case <-time.After(5 * time.Second):
		// A caller that does not read; it goes with this process.
	}
	_ = k.client.Close() // the host is ending anyway
	if k.segment != nil {
		k.segment.close()
	}
	err = errors.Join(err, k.stopEmulator())
	if lost.unexpected {
		return errors.Join(fmt.Errorf("lab host %q: %v", k.spec.Name, lost.why), err)
	}
	return errors.Join(err, os.RemoveAll(k.dir))
}

// ending is why a host ends.
type ending struct {
	why        string
	unexpected bool
}

func (k *keeper) wait(s *server, down <-chan struct{}, signals <-chan os.Signal) ending {
	for {
		var idle <-chan time.Time
		if k.spec.Idle > 0 {
			stopped, wait := s.stopIfIdle(k.spec.Idle)
			if stopped {
				return ending{why: fmt.Sprintf("no command for %v", k.spec.Idle)}
			}
			idle = time.After(wait)
		}
		select {
		case <-idle:
		case <-s.changed:
		case <-down:
			return ending{why: "asked to"}
		case sig := <-signals:
			return ending{why: sig.String()}
		case <-k.exited:
			return ending{k.died().Why, true}
		case <-k.client.Done():
			return ending{k.died().Why, true}
		}
	}
}

// stopEmulator ends the emulator: by its monitor, by TERM, by KILL.
func (k *keeper) stopEmulator() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	select {
	case <-k.exited:
		return nil
	default:
	}
	if m, err := dialMonitor(ctx, k.dir); err == nil {
		_ = m.quit(ctx) // the connection ends before the answer, or not
		m.close()
	}
	select {
	case <-k.exited:
		return nil
	case <-ctx.Done():
	}
	err := k.record.QEMU.end(2 * time.Second)
	if err == nil {
		<-k.exited
	}
	return err
}

// bootReport is what a start that failed leaves to read.
func (k *keeper) bootReport() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var b strings.Builder
	b.WriteString(lastWords(k.dir))
	select {
	case <-k.exited:
	default:
		fmt.Fprintf(&b, "\n%s", k.registers(ctx))
	}
	return b.String()
}
