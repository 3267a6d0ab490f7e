package snapshots

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/tests/guestload"
)

// live is an instance with the load in it.
type live struct {
	*world
	*guestload.Visitor
	name    string
	config  *configs.Machine
	echoOut net.Listener // the guest's streams by vsock come here
}

// alive is an instance that was just started.
func (w *world) alive(name string) *live {
	w.t.Helper()
	d, err := w.Inspect(w.t.Context(), name)
	w.must(err)
	l := &live{world: w, name: name}
	l.config, err = d.Config()
	w.must(err)
	l.echoOut, err = net.Listen("unix", fmt.Sprintf("%s_%d", l.config.Vsock.Path, guestload.OutPort))
	w.must(err)
	go guestload.ServeEcho(l.echoOut, nil, nil)
	l.Visitor = guestload.NewVisitor(w.t, name, w.answers, guestload.ByVsock(l.config.Vsock.Path))
	l.Lose = l.tellKernel
	l.Await("the load answers", func(*guestload.Report) string { return "" })
	return l
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
	ctx, cancel := context.WithTimeout(context.Background(), guestload.Patience)
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

// end turns the guest off, and looks at what it leaves. Disks that lie over those of a
// snapshot that is gone cannot be looked at.
func (l *live) end(disks bool) {
	l.t.Helper()
	l.HangUp()
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
