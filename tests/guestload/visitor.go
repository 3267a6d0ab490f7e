package guestload

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Patience is how long a test waits for anything: long, because only a hang meets it.
const Patience = 90 * time.Second

// Visitor asks the load of one guest, and holds it to what must be so at any time.
type Visitor struct {
	T    testing.TB
	Name string // of the guest, for messages

	// Dial connects to a port of the load.
	Dial func(port int) (net.Conn, error)

	// Answers are the right ones. Guests may share them.
	Answers Answers

	// Lose is called before a test ends that has waited in vain. May be nil.
	Lose func()

	Talking atomic.Int64 // exchanges of the host's own stream into the guest
	Lost    chan error   // its end
	conn    net.Conn
}

// NewVisitor returns a visitor of a guest.
func NewVisitor(t testing.TB, name string, answers Answers, dial func(port int) (net.Conn, error)) *Visitor {
	return &Visitor{T: t, Name: name, Dial: dial, Answers: answers, Lost: make(chan error, 1)}
}

// Talk opens a stream into the guest, and keeps it busy.
func (v *Visitor) Talk() {
	v.T.Helper()
	if v.conn != nil {
		return
	}
	c, err := v.Dial(InPort)
	if err != nil {
		v.T.Fatalf("%s: %v", v.Name, err)
	}
	v.conn = c
	go func() {
		t := NewTalk(c, 5)
		for {
			if err := t.Exchange(); err != nil {
				v.Lost <- err
				return
			}
			v.Talking.Add(1)
			time.Sleep(100 * time.Millisecond)
		}
	}()
}

// HangUp closes the stream into the guest.
func (v *Visitor) HangUp() {
	if v.conn != nil {
		v.conn.Close()
	}
}

// Order has the load do something and report.
func (v *Visitor) Order(what string) (*Report, error) {
	c, err := v.Dial(OrderPort)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(Patience)) // a socket has deadlines
	if _, err := fmt.Fprintln(c, what); err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.NewDecoder(bufio.NewReader(c)).Decode(r); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return r, nil
}

// Do has the load do something, and judges its report.
func (v *Visitor) Do(what string) *Report {
	v.T.Helper()
	r, err := v.Order(what)
	if err != nil {
		v.T.Fatalf("%s: %s: %v", v.Name, what, err)
	}
	v.Judge(r)
	return r
}

// Judge holds a report to what must be so at any time.
func (v *Visitor) Judge(r *Report) {
	v.T.Helper()
	for _, e := range r.Errors {
		v.T.Errorf("%s: %s", v.Name, e)
	}
	for _, c := range r.Chains {
		if err := v.Answers.Check(c); err != nil {
			v.T.Errorf("%s: %v", v.Name, err)
		}
	}
	if v.T.Failed() {
		v.T.Fatalf("%s is not as it should be; the longest that a timer was late: %v", v.Name, time.Duration(r.Late))
	}
}

// Await waits for a report that is as it should be: wrong says what is not yet.
func (v *Visitor) Await(what string, wrong func(*Report) string) *Report {
	v.T.Helper()
	var why string
	for end := time.Now().Add(Patience); ; time.Sleep(150 * time.Millisecond) {
		r, err := v.Order("report")
		if err != nil {
			why = err.Error()
		} else {
			v.Judge(r)
			if why = wrong(r); why == "" {
				return r
			}
		}
		if time.Now().After(end) {
			if v.Lose != nil {
				v.Lose()
			}
			v.T.Fatalf("%s: not within %v: %s: %s", v.Name, Patience, what, why)
		}
	}
}

// GoesOn waits until every worker has gone on since a report.
func (v *Visitor) GoesOn(since *Report) *Report {
	v.T.Helper()
	return v.Await("all workers go on", func(now *Report) string {
		for worker, n := range since.Progress {
			if now.Progress[worker] <= n && !strings.HasSuffix(worker, " dialled") {
				return fmt.Sprintf("%q was at %d and is at %d", worker, n, now.Progress[worker])
			}
		}
		return ""
	})
}

// dateTolerance is how far a guest's date may be from the host's, beside how long it
// takes to ask.
const dateTolerance = 500 * time.Millisecond

// Dated holds the guest's wall clock to the host's.
func (v *Visitor) Dated() {
	v.T.Helper()
	before := time.Now()
	r := v.Do("report")
	after, at := time.Now(), time.Unix(0, r.Realtime)
	if at.Before(before.Add(-dateTolerance)) || at.After(after.Add(dateTolerance)) {
		v.T.Errorf("%s: its clock shows %v, and the host's %v to %v", v.Name, at, before, after)
	}
}
