package launch

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// gcPercent keeps the heap small.
const gcPercent = 50

// Exit statuses of the process.
const (
	statusDone   = 0
	statusFailed = 1
	statusUsage  = 125
)

// Main is hull-supervisor from its start to its end, and returns its exit status.
// args are its arguments without its name.
func Main(args []string) int {
	var o Options
	var ready int
	f := flag.NewFlagSet("hull-supervisor", flag.ContinueOnError)
	f.StringVar(&o.ID, "id", "", "the instance's `id`")
	f.StringVar(&o.Dirs.State, "state", "", "the `folder` that has the instances")
	f.StringVar(&o.Dirs.Run, "run", "", "the `folder` that has their sockets")
	f.StringVar(&o.Dirs.Guest.Kernels, "kernels", "", "the `folder` of kernel bundles")
	f.StringVar(&o.Dirs.Guest.Cache, "cache", "", "the `folder` of what can be made again")
	f.StringVar(&o.Dirs.Guest.Programs, "programs", "", "the `folder` of Hull's programs")
	receive := f.String("receive", "", "the `JSON` of what is waited for, where there is no instance yet")
	socket := f.Int("socket", -1, "the `descriptor` that listens, with -receive")
	f.IntVar(&ready, "ready", -1, "the `descriptor` on which to say that the instance runs, or why not")
	// There is one of these processes for each instance, and little to do in it.
	debug.SetGCPercent(gcPercent)
	if err := f.Parse(args); err != nil {
		return statusUsage
	}
	if f.NArg() > 0 || (o.ID == "") == (*receive == "") || (*receive == "") != (*socket < 0) || o.Dirs.State == "" || o.Dirs.Run == "" || ready < 0 {
		fmt.Fprintln(os.Stderr, `hull-supervisor: hull starts this program, for one instance; see "hull start --help"`)
		return statusUsage
	}
	syscall.CloseOnExec(ready)
	o.Ready = os.NewFile(uintptr(ready), "ready")
	// Nobody's terminal ends an instance, and nobody who does not listen.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	stop := make(chan struct{})
	o.Stop = stop
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		close(stop)
	}()
	run := func() error { return Run(context.Background(), o) }
	if *receive != "" {
		syscall.CloseOnExec(*socket)
		run = func() error { return receiveMain(o, *receive, os.NewFile(uintptr(*socket), "socket")) }
	}
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "hull-supervisor: %v\n", err)
		return statusFailed
	}
	return statusDone
}

// receiveMain is Main of a process that waits for a machine.
func receiveMain(o Options, what string, socket *os.File) error {
	r := ReceiveOptions{Dirs: o.Dirs, Socket: socket, Ready: o.Ready, Stop: o.Stop}
	if err := json.Unmarshal([]byte(what), &r.Options); err != nil {
		return fmt.Errorf("-receive: %w", err)
	}
	return Receive(context.Background(), r)
}
