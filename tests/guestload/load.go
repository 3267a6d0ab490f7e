package guestload

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Program is what a test's binary is called in a guest.
const Program = "guestload"

// Ports. Those of the guest are there by vsock and by TCP.
const (
	OrderPort = 7000 // of the guest: a line in, a report out
	InPort    = 7001 // of the guest: an echo
	OutPort   = 7002 // of the host, by vsock: an echo
	EchoPort  = 7003 // of the guest, by UDP: an echo
)

// Report is what the load says of itself.
type Report struct {
	Errors   []string          // what was not as it should be
	Progress map[string]int64  // how often each worker went round
	Breaks   map[string]int    // how often each stream to the host has ended
	Why      map[string]string // what the last end of each was
	Incoming int64             // streams of the host that are open
	Chains   []Link            // where each computation is
	Draws    []Draw            // the last random numbers that were drawn
	Late     int64             // the longest that a timer was late, in ns
	Realtime int64             // ns since 1970
	Drawn    string            // 32 random bytes
	Nonce    string            // 32 random bytes that were drawn once, and are only in memory
	Gap      int64             // the longest that the guest stood still, in ns, since "spin on"
	Uptime   int64             // ns since the load began, by the monotonic clock
}

// load is all workers of a guest.
type load struct {
	idle           atomic.Int64 // ns that a worker rests between two steps
	steps          sync.RWMutex // held for reading in each step, for writing while all is checked
	incoming, late atomic.Int64

	nonce      [nonceSize]byte
	beats      atomic.Uint64
	spins, gap atomic.Int64

	mu sync.Mutex
	r  Report

	checks []func() error // look at all that a worker keeps; steps is held
	chains []*chain
	draws  *drawer
}

// Main is the whole program in the guest.
func Main(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "draw":
		b, err := drawBytes()
		fmt.Print(hex.EncodeToString(b[:]))
		return err
	case len(args) == 5 && args[0] == "load":
		return guestLoad(args[1:])
	}
	return fmt.Errorf("what is %q?", args)
}

// guestLoad keeps a guest busy for ever: load SEED MEBIBYTES HOST-ADDRESS FOLDERS.
// It answers at a port of vsock.
func guestLoad(args []string) error {
	seed, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	mebibytes, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	orders, err := listen(OrderPort)
	if err != nil {
		return err
	}
	l := &load{r: Report{Progress: map[string]int64{}, Breaks: map[string]int{}, Why: map[string]string{}}}
	if l.nonce, err = drawBytes(); err != nil {
		return err
	}
	l.idle.Store(int64(500 * time.Millisecond))
	processors, err := online()
	if err != nil {
		return err
	}
	for _, cpu := range processors {
		if err := l.fillMemory(seed, cpu, mebibytes<<20/len(processors)); err != nil {
			return err
		}
		l.compute(seed, cpu)
		l.watchTimer(cpu)
		l.watchClocks(cpu)
	}
	for i, folder := range strings.Split(args[3], ",") {
		if folder != "" {
			l.writeFiles(seed+uint64(i), folder)
		}
	}
	if err := l.stream(seed, args[2]); err != nil {
		return err
	}
	l.draw()
	l.churn(seed)
	if err := l.serveDatagrams(); err != nil {
		return err
	}
	fmt.Println("load: ready")
	ended := make(chan error)
	for _, o := range orders {
		go func() { ended <- l.take(o) }()
	}
	return <-ended
}

// take serves those who have an order.
func (l *load) take(orders net.Listener) error {
	for {
		c, err := orders.Accept()
		if err != nil {
			return err
		}
		go l.serve(c)
	}
}

// serve does what an order says: idle DURATION (how long workers rest), beat ADDRESS
// DURATION, spin on or off, check (all that is kept), draws, or report. It is
// a connection's only line; the answer is a report.
func (l *load) serve(c net.Conn) {
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return // whoever asks will ask again
	}
	words := strings.Fields(line)
	switch {
	case len(words) == 2 && words[0] == "idle":
		d, err := time.ParseDuration(words[1])
		l.note(err)
		l.idle.Store(int64(d))
	case len(words) == 1 && words[0] == "check":
		l.steps.Lock()
		for _, check := range l.checks {
			l.note(check())
		}
		l.steps.Unlock()
	case len(words) == 3 && words[0] == "beat":
		d, err := time.ParseDuration(words[2])
		if err == nil {
			err = l.beat(words[1], d)
		}
		l.note(err)
	case len(words) == 2 && words[0] == "spin":
		l.spin(words[1] == "on")
	case len(words) == 1 && (words[0] == "report" || words[0] == "draws"):
	default:
		l.note(fmt.Errorf("what is %q?", line))
	}
	_ = json.NewEncoder(c).Encode(l.report(words)) // whoever asks sees that it is cut
}

func (l *load) report(words []string) Report {
	b, err := drawBytes()
	l.note(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.r
	for _, c := range l.chains {
		r.Chains = append(r.Chains, c.at())
	}
	r.Drawn = hex.EncodeToString(b[:])
	if slices.Contains(words, "draws") {
		r.Draws = l.draws.list()
	}
	r.Incoming, r.Late = l.incoming.Load(), l.late.Load()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
	r.Realtime = now.Nano()
	r.Nonce, r.Gap, r.Uptime = l.nonceText(), l.gap.Load(), int64(monotonic())
	r.Errors = slices.Clone(r.Errors)
	r.Progress, r.Breaks, r.Why = maps.Clone(r.Progress), maps.Clone(r.Breaks), maps.Clone(r.Why)
	return r
}

// note keeps an error; after many, something else is wrong.
func (l *load) note(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.r.Errors) < 20 {
		l.r.Errors = append(l.r.Errors, err.Error())
	}
}

func (l *load) went(worker string) {
	l.mu.Lock()
	l.r.Progress[worker]++
	l.mu.Unlock()
}

func (l *load) broke(stream string, why error) {
	l.mu.Lock()
	l.r.Breaks[stream]++
	l.r.Why[stream] = why.Error()
	l.mu.Unlock()
}

// work goes round for ever, until an error.
func (l *load) work(name string, step func() error) {
	for {
		l.steps.RLock()
		err := step()
		l.steps.RUnlock()
		if err != nil {
			l.note(fmt.Errorf("%s: %w", name, err))
			return
		}
		l.went(name)
		l.rest()
	}
}

func (l *load) rest() {
	if d := time.Duration(l.idle.Load()); d > 0 {
		time.Sleep(d)
	}
}

// online are the guest's processors.
func online() (list []int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, err
	}
	for i := range 1024 {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list, nil
}

// pin keeps the calling goroutine's thread on a processor.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(0, &set)
}
