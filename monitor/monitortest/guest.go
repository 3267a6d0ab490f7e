package monitortest

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hullvm/hull/monitor/control"
)

// stepTime is how long the guest takes for a step.
const stepTime = 10 * time.Millisecond

// guest is what runs in the machine that there is not. It counts on its console, and
// obeys what is typed there, a line for each command:
//
//	exit N      it turns itself off with a status
//	reset, panic, triple, crash
//	say TEXT    it says it
//	quiet       it counts no more
//	deaf        it does not hear the power button
type guest struct {
	console io.ReadWriter

	mu      sync.Mutex
	wake    *sync.Cond
	running bool
	quiet   bool
	deaf    bool
	ended   chan struct{}
	exit    control.Exit
	once    sync.Once
}

func newGuest(console io.ReadWriter) *guest {
	g := &guest{console: console, ended: make(chan struct{})}
	g.wake = sync.NewCond(&g.mu)
	return g
}

// end ends the machine; the first reason counts.
func (g *guest) end(e control.Exit) {
	g.once.Do(func() {
		g.exit = e
		close(g.ended)
		g.wake.Broadcast()
	})
}

func (g *guest) over() bool {
	select {
	case <-g.ended:
		return true
	default:
		return false
	}
}

// hold lets the guest run, or stops it.
func (g *guest) hold(run bool) {
	g.mu.Lock()
	g.running = run
	g.mu.Unlock()
	g.wake.Broadcast()
}

// live is the guest's life: it counts while it runs.
func (g *guest) live() {
	go g.listen()
	for n := 0; !g.over(); n++ {
		g.mu.Lock()
		for (!g.running || g.quiet) && !g.over() {
			g.wake.Wait()
		}
		g.mu.Unlock()
		if g.over() {
			return
		}
		if _, err := fmt.Fprintf(g.console, "step %d\n", n); err != nil {
			return
		}
		time.Sleep(stepTime)
	}
}

// listen obeys what is typed.
func (g *guest) listen() {
	for s := bufio.NewScanner(g.console); s.Scan(); {
		word, rest, _ := strings.Cut(s.Text(), " ")
		switch word {
		case "exit":
			status := new(control.GuestStatus)
			_, _ = fmt.Sscan(rest, &status.Code) // 0 for what is no number
			g.end(control.Exit{Reason: "power-off", Status: status})
		case "reset":
			g.end(control.Exit{Reason: "reset"})
		case "panic":
			g.end(control.Exit{Reason: "guest panic"})
		case "triple":
			g.end(control.Exit{Reason: "triple fault"})
		case "crash":
			panic("it was told to")
		case "say":
			_, _ = fmt.Fprintln(g.console, rest)
		case "quiet", "deaf":
			g.mu.Lock()
			g.quiet = g.quiet || word == "quiet"
			g.deaf = g.deaf || word == "deaf"
			g.mu.Unlock()
		}
	}
}

// pressed is the power button.
func (g *guest) pressed() {
	g.mu.Lock()
	deaf := g.deaf
	g.mu.Unlock()
	if !deaf {
		g.end(control.Exit{Reason: "power-off"})
	}
}
