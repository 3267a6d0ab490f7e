package snapshots

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// live is an instance with the load in it.
type live struct {
	*world
	name    string
	config  *configs.Machine
	echoOut net.Listener // the guest's streams by vsock come here

	talking atomic.Int64 // exchanges of the host's own stream into the guest
	lost    chan error   // its end
	conn    net.Conn
}

// alive is an instance that was just started.
func (w *world) alive(name string) *live {
	w.t.Helper()
	d, err := w.Inspect(w.t.Context(), name)
	w.must(err)
	l := &live{world: w, name: name, lost: make(chan error, 1)}
	l.config, err = d.Config()
	w.must(err)
	l.echoOut, err = net.Listen("unix", fmt.Sprintf("%s_%d", l.config.Vsock.Path, outPort))
	w.must(err)
	go serveEcho(l.echoOut, nil, nil)
	l.await("the load answers", func(*report) string { return "" })
	return l
}

// talk opens a stream into the guest, and keeps it busy.
func (l *live) talk() {
	l.t.Helper()
	if l.conn != nil {
		return
	}
	c, err := l.dial(inPort)
	l.must(err)
	l.conn = c
	go func() {
		t := newTalk(c, 5)
		for {
			if err := t.exchange(); err != nil {
				l.lost <- err
				return
			}
			l.talking.Add(1)
			time.Sleep(100 * time.Millisecond)
		}
	}()
}

// dial connects to a port of the guest.
func (l *live) dial(port int) (net.Conn, error) {
	c, err := net.DialTimeout("unix", l.config.Vsock.Path, 10*time.Second)
	if err != nil {
		return nil, err
	}
	answer := make([]byte, 0, 32)
	b := make([]byte, 1)
	_ = c.SetDeadline(time.Now().Add(10 * time.Second)) // a socket has deadlines
	if _, err = fmt.Fprintf(c, "CONNECT %d\n", port); err == nil {
		for !bytes.HasSuffix(answer, []byte("\n")) && err == nil && len(answer) < 32 {
			if _, err = c.Read(b); err == nil {
				answer = append(answer, b[0])
			}
		}
	}
	if err == nil && !bytes.HasPrefix(answer, []byte("OK ")) {
		err = fmt.Errorf("port %d: %q", port, answer)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	return c, nil
}

// order has the load do something and report. asked is when, on the host's clock.
func (l *live) order(what string) (r *report, err error) {
	c, err := l.dial(orderPort)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience)) // a socket has deadlines
	if _, err := fmt.Fprintln(c, what); err != nil {
		return nil, err
	}
	r = new(report)
	if err := json.NewDecoder(bufio.NewReader(c)).Decode(r); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return r, nil
}

// do has the load do something, and holds its report to what must be so at any time.
func (l *live) do(what string) *report {
	l.t.Helper()
	r, err := l.order(what)
	if err != nil {
		l.t.Fatalf("%s: %s: %v", l.name, what, err)
	}
	l.judge(r)
	return r
}

func (l *live) judge(r *report) {
	l.t.Helper()
	for _, e := range r.Errors {
		l.t.Errorf("%s: %s", l.name, e)
	}
	for _, c := range r.Chains {
		if err := l.answers.check(c); err != nil {
			l.t.Errorf("%s: %v", l.name, err)
		}
	}
	if l.t.Failed() {
		l.t.Fatalf("%s is not as it should be; the longest that a timer was late: %v", l.name, time.Duration(r.Late))
	}
}

// await waits for a report that is as it should be: wrong says what is not yet.
func (l *live) await(what string, wrong func(*report) string) *report {
	l.t.Helper()
	var why string
	for end := time.Now().Add(patience); ; time.Sleep(150 * time.Millisecond) {
		r, err := l.order("report")
		if err != nil {
			why = err.Error()
		} else {
			l.judge(r)
			if why = wrong(r); why == "" {
				return r
			}
		}
		if time.Now().After(end) {
			l.tellKernel()
			l.t.Fatalf("%s: not within %v: %s: %s", l.name, patience, what, why)
		}
	}
}

// goesOn waits until every worker has gone on since a report.
func (l *live) goesOn(since *report) *report {
	l.t.Helper()
	return l.await("all workers go on", func(now *report) string {
		for worker, n := range since.Progress {
			if now.Progress[worker] <= n && !strings.HasSuffix(worker, " dialled") {
				return fmt.Sprintf("%q was at %d and is at %d", worker, n, now.Progress[worker])
			}
		}
		return ""
	})
}

// exec runs a program in the guest, and returns what it writes.
func (l *live) exec(args ...string) string {
	l.t.Helper()
	out, err := l.tryExec(args...)
	if err != nil {
		l.t.Fatalf("%s: %q: %v\n%s", l.name, args, err, out)
	}
	return out
}

func (l *live) tryExec(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out bytes.Buffer
	e, err := l.Exec(ctx, l.name, manager.ExecOptions{Command: agent.Command{Args: args, Stdout: &out, Stderr: &out}})
	if err != nil {
		return "", err
	}
	defer e.Close()
	exit, err := e.Wait(ctx)
	if err == nil && (exit.Code != 0 || exit.Signal != 0) {
		err = fmt.Errorf("%v", exit)
	}
	return out.String(), err
}

// trouble is what no guest's kernel may log, at whatever level.
var trouble = regexp.MustCompile(`(?i:soft lockup|rcu.*stall|clocksource.*(unstable|skew)|hung task|blocked for more than|I/O error)|\bBUG\b|\bWARNING\b|EXT4-fs (error|warning)|Call Trace|NETDEV WATCHDOG`)

// quiet holds the guest's kernel to having nothing to complain of.
func (l *live) quiet() {
	l.t.Helper()
	complaints, all, _ := strings.Cut(l.exec("sh", "-c", "dmesg --level=emerg,alert,crit,err,warn; echo ===; dmesg"), "===\n")
	for line := range strings.Lines(all) {
		if trouble.MatchString(line) {
			l.t.Errorf("%s: the kernel logs: %s", l.name, line)
		}
	}
	if c := guesttest.Complaints(l.t, complaints); c != "" {
		l.t.Errorf("%s: the kernel complains:\n%s", l.name, c)
	}
}

// tellKernel prints the end of the kernel's log, for a test that fails.
func (l *live) tellKernel() {
	out, err := l.tryExec("sh", "-c", "dmesg | tail -n 30")
	l.t.Logf("%s: %v\n%s", l.name, err, out)
}

// dateTolerance is how far a guest's date may be from the host's, beside how long it
// takes to ask.
const dateTolerance = 500 * time.Millisecond

// dated holds the guest's wall clock to the host's.
func (l *live) dated() {
	l.t.Helper()
	before := time.Now()
	r := l.do("report")
	after, at := time.Now(), time.Unix(0, r.Realtime)
	if at.Before(before.Add(-dateTolerance)) || at.After(after.Add(dateTolerance)) {
		l.t.Errorf("%s: its clock shows %v, and the host's %v to %v", l.name, at, before, after)
	}
}

// end turns the guest off, and looks at what it leaves. Disks that lie over those of a
// snapshot that is gone cannot be looked at.
func (l *live) end(disks bool) {
	l.t.Helper()
	if l.conn != nil {
		l.conn.Close()
	}
	l.must(l.Stop(l.t.Context(), l.name, manager.StopOptions{}))
	d, err := l.Inspect(l.t.Context(), l.name)
	l.must(err)
	if exit := d.State.Exit; exit == nil || exit.Reason != instance.Stopped {
		l.t.Errorf("%s: it ended so: %+v", l.name, exit)
	}
	l.echoOut.Close()
	for i := range l.config.Disks {
		if disks {
			l.clean(&l.config.Disks[i])
		}
	}
	if l.t.Failed() {
		l.t.FailNow()
	}
	l.must(l.Remove(l.t.Context(), l.name, manager.RemoveOptions{}))
	if d.Snapshot == nil { // its images are the test's
		for i := range l.config.Disks {
			l.must(os.Remove(l.config.Disks[i].Path))
		}
	}
}

// clean holds an image and the file system in it to being in order.
func (l *live) clean(d *configs.Disk) {
	l.t.Helper()
	if d.Format == configs.FormatQCOW2 {
		l.run("qemu-img", "check", "-q", "-f", "qcow2", d.Path)
	}
	flat := filepath.Join(l.base, "flat.img")
	l.run("qemu-img", "convert", "-f", string(d.Format), "-O", "raw", d.Path, flat)
	l.run("e2fsck", "-fn", flat)
	l.must(os.Remove(flat))
}
