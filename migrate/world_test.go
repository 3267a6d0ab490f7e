package migrate

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/transport"
	"github.com/hullvm/hull/migrate/wire"
)

// world is a network between two hosts, of which messages can be lost.
type world struct {
	t        testing.TB
	openings chan *Opening

	mu     sync.Mutex
	meddle func(m wire.Message, toTarget bool) fate // nil for nothing

	before func(s wire.Session, number uint8) // a connection for memory is made; nil for nothing
}

// fate is what becomes of a message.
type fate int

const (
	arrives fate = iota
	lost         // with the connection
	last         // it arrives, and the connection ends
)

func newWorld(t testing.TB) *world { return &world{t: t, openings: make(chan *Opening)} }

// end is one end of a connection.
type end struct {
	w        *world
	toTarget bool
	in, out  chan wire.Message
	closed   chan struct{} // of both ends
	once     *sync.Once
	gaveUp   *atomic.Pointer[transport.PeerError] // why the other end did; nil where it did not
	giveUp   *atomic.Pointer[transport.PeerError] // for this one
}

func (e *end) Read(ctx context.Context) (wire.Message, error) {
	select {
	case m := <-e.in:
		return heard(m)
	default:
	}
	select {
	case m := <-e.in:
		return heard(m)
	case <-e.closed:
		select { // what was said before
		case m := <-e.in:
			return heard(m)
		default:
			return nil, io.EOF
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// heard is a message as transport.Control gives it.
func heard(m wire.Message) (wire.Message, error) {
	switch m := m.(type) {
	case wire.Error:
		return nil, &transport.PeerError{Phase: m.Phase, Text: m.Text}
	case wire.Cancel:
		return nil, transport.ErrCancelled
	}
	return m, nil
}

func (e *end) Write(m wire.Message) error {
	e.w.mu.Lock()
	became := arrives
	if e.w.meddle != nil {
		became = e.w.meddle(m, e.toTarget)
	}
	e.w.mu.Unlock()
	if became == lost {
		_ = e.Close()
		return io.ErrClosedPipe
	}
	if m, ok := m.(wire.Error); ok {
		e.giveUp.Store(&transport.PeerError{Phase: m.Phase, Text: m.Text})
	}
	select {
	case <-e.closed:
		if why := e.gaveUp.Load(); why != nil {
			return why // as transport.Control has it
		}
		return io.ErrClosedPipe
	default:
		e.out <- m
	}
	if became == last {
		return e.Close()
	}
	return nil
}

func (e *end) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		select {
		case <-e.closed:
			cancel(io.EOF)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (e *end) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

func (w *world) Peer() string { return "the other host" }

func (w *world) Control(ctx context.Context) (Link, error) {
	// Room for all that a side says in a move: nobody waits for a reader here.
	a := &end{
		w: w, toTarget: true, in: make(chan wire.Message, 1000), out: make(chan wire.Message, 1000),
		closed: make(chan struct{}), once: new(sync.Once),
		gaveUp: new(atomic.Pointer[transport.PeerError]), giveUp: new(atomic.Pointer[transport.PeerError]),
	}
	b := &end{w: w, in: a.out, out: a.in, closed: a.closed, once: a.once, gaveUp: a.giveUp, giveUp: a.gaveUp}
	go func() {
		m, err := b.Read(context.Background())
		if err != nil {
			return
		}
		w.offer(&Opening{First: m, Peer: "the source", Link: b}, b.closed)
	}()
	return a, nil
}

// offer has the target get a connection, unless that ends before.
func (w *world) offer(o *Opening, closed <-chan struct{}) {
	select {
	case w.openings <- o:
	case <-closed:
	}
}

// memory is a connection for it, over which nothing goes.
type memory struct {
	closed chan struct{}
	once   *sync.Once
}

func newConnection() memory { return memory{make(chan struct{}), new(sync.Once)} }

func (m memory) File() *os.File { return nil }

func (m memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (w *world) Channel(_ context.Context, s wire.Session, number uint8) (Channel, error) {
	c := newConnection()
	if w.before != nil {
		w.before(s, number)
	}
	go w.offer(&Opening{First: wire.Channel{Session: s, Number: number}, Channel: c}, w.t.Context().Done())
	return c, nil
}

func (w *world) Next(ctx context.Context) (*Opening, error) {
	select {
	case o := <-w.openings:
		return o, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// guest is the machine that moves: who runs it is what all is about.
type guest struct {
	t testing.TB

	mu              sync.Mutex
	here, there     bool // it runs at the source, at the target
	started         int  // times that the target let it go
	passes          int
	source          handoff.SourceRecord
	target          map[handoff.Session]handoff.TargetRecord
	removed         int
	log             string
	logged          bool
	notes           []string
	phases          []string
	failing         map[string]error // by what is done
	resolved        chan handoff.Event
	lost            chan struct{}
	untilHandedOver func() // called when that is written
}

func newGuest(t testing.TB) *guest {
	return &guest{
		t: t, here: true, target: make(map[handoff.Session]handoff.TargetRecord), failing: make(map[string]error),
		resolved: make(chan handoff.Event, 1), lost: make(chan struct{}),
	}
}

// fails is what becomes of something that is done.
func (g *guest) fails(what string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failing[what]
}

func (g *guest) check() {
	if g.here && g.there {
		g.t.Error("it runs on both hosts")
	}
}

// leaving is a guest as its source has it.
type leaving struct{ *guest }

func (g leaving) Describe(context.Context) (*wire.Describe, error) {
	return &wire.Describe{Instance: []byte("{}"), Monitor: []byte("m"), MemorySize: 1 << 20, Hull: "1"}, g.fails("describe")
}
func (g leaving) Begin(context.Context, []*os.File) error { return g.fails("begin") }
func (g leaving) Slow(context.Context, int) error         { return nil }
func (g leaving) End(context.Context) error               { return nil }

func (g leaving) Pass(ctx context.Context) (Pass, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passes++
	p := Pass{Epoch: uint32(g.passes), Pages: 10, Data: 40 << 20, Wire: 41 << 20, Took: time.Millisecond}
	if g.passes == 1 {
		p.Left = 1 << 40 // one more
	}
	return p, errors.Join(ctx.Err(), g.failing["pass"])
}

func (g leaving) Hold(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.failing["hold"]; err != nil {
		return err
	}
	g.here = false
	return nil
}

func (g leaving) LetGo(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.here = true
	g.check()
	return nil
}

func (g leaving) Last(_ context.Context, state *os.File) (Pass, error) {
	if _, err := state.WriteString("the state"); err != nil {
		return Pass{}, err
	}
	return Pass{Epoch: uint32(g.passes + 1), Took: time.Millisecond}, g.fails("last")
}

func (g leaving) Write(_ context.Context, r handoff.SourceRecord) handoff.Event {
	if g.fails("write "+r.Fate.String()) != nil {
		return handoff.WriteFailed
	}
	g.mu.Lock()
	g.source = r
	f := g.untilHandedOver
	g.mu.Unlock()
	if f != nil && r.Fate == handoff.HandedOver {
		f()
	}
	return handoff.WriteDone
}

func (g leaving) Resolved() <-chan handoff.Event { return g.resolved }

func (g leaving) Log(_ context.Context, part func([]byte) error) error {
	return errors.Join(part([]byte("one\n")), part([]byte("two\n")))
}

func (g leaving) Tell(p Progress) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.phases); n == 0 || g.phases[n-1] != p.Phase {
		g.phases = append(g.phases, p.Phase)
	}
}

func (g *guest) Note(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.notes = append(g.notes, text)
}

// coming is a guest as its target has it.
type coming struct{ *guest }

func (g coming) Judge(_ context.Context, m []byte) ([]string, error) {
	if string(m) != "m" {
		g.t.Errorf("it is described as %q", m)
	}
	if err := g.fails("judge"); err != nil {
		return []string{err.Error(), "another reason"}, nil
	}
	return nil, nil
}
func (g coming) Begin(context.Context, []*os.File) error { return g.fails("begin there") }
func (g coming) Wait(context.Context, uint32) error      { return g.fails("wait") }

func (g coming) Load(_ context.Context, state *os.File) error {
	b, err := io.ReadAll(state)
	if err != nil || string(b) != "the state" {
		g.t.Errorf("it is loaded with %q, %v", b, err)
	}
	return g.fails("load")
}

func (g coming) Write(_ context.Context, r handoff.TargetRecord) handoff.Event {
	if g.fails("write "+r.Fate.String()) != nil {
		return handoff.WriteFailed
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target[r.Session] = r
	return handoff.WriteDone
}

func (g coming) Run(context.Context) (handoff.Event, error) {
	if err := g.fails("run"); err != nil {
		return handoff.StartRefused, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.there = true
	g.started++
	g.check()
	return handoff.Started, nil
}

func (g coming) Remove(context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removed++
}

func (g coming) Lost() <-chan struct{} { return g.lost }

func (g coming) Log(part []byte, first bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if first {
		g.log = ""
	}
	g.log += string(part)
	return nil
}

func (g coming) LogEnd() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.logged = true
	return nil
}

// Answer is what the target's host answers when nobody receives the session.
func (g *guest) Answer(_ context.Context, s wire.Session) wire.Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := wire.Answer{Session: s, Outcome: wire.OutcomeUnknown}
	r, ok := g.target[handoff.Session(s)]
	switch {
	case !ok:
	case r.Fate == handoff.Running:
		a.Outcome, a.Since = wire.OutcomeRunning, 1
	default: // who was prepared is gone
		a.Outcome, a.Reason = wire.OutcomeAborted, "it is gone"
		r.Fate = handoff.Aborted
		g.target[r.Session] = r
	}
	return a
}

// receives has a host receive, attempt after attempt, until the test ends.
func (w *world) receives(g *guest, p Patience) (errs func() []error) {
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var list []error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			in, err := Await(ctx, w, g, p, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				list = append(list, err)
			})
			if err != nil {
				return
			}
			if err := in.Run(ctx, coming{g}); err != nil {
				mu.Lock()
				list = append(list, err)
				mu.Unlock()
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
	return func() []error {
		mu.Lock()
		defer mu.Unlock()
		return append([]error(nil), list...)
	}
}
