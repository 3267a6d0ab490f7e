package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hullvm/hull/bench/table"
)

// subject is who moves machines.
type subject struct {
	name string
	base bool
	boot func(context.Context, *pair) (mover, error)
}

// mover moves a machine from the first host to the second, and returns when the program
// that does it says that it has.
type mover func(context.Context) error

// subjectsOf are those that are asked for.
func subjectsOf(o options) (wanted []subject) {
	for _, s := range []subject{{"hull", true, hullMachine}, {"qemu", false, qemuMachine}} {
		if strings.Contains(s.name, o.under) {
			wanted = append(wanted, s)
		}
	}
	return wanted
}

// measureAll fills the table. Each round starts with another subject, so that none always
// runs behind the same neighbour.
func measureAll(ctx context.Context, p *place, subjects []subject, t *table.Table) error {
	for round := range p.rounds {
		for _, c := range cells(p.options) {
			for i := range subjects {
				s := subjects[(i+round)%len(subjects)]
				limited, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("not done after %v", p.timeout))
				v, err := measure(limited, p, s, c)
				cancel()
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if p.verbose {
					fmt.Fprintf(os.Stderr, "migratebench: round %d: %s: %s: %v %v\n", round+1, s.name, c, v, err)
				}
				t.Add(s.name, c.String(), c.ids(), v, nil, err)
			}
		}
	}
	return nil
}

// answers is how many datagrams in a row show that a guest is there.
const answers = 20

// measure boots a machine and moves it once.
func measure(ctx context.Context, p *place, s subject, c cell) (v map[string]float64, err error) {
	d, err := p.newPair()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	move, err := s.boot(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := d.order(ctx, 0); err != nil {
		return nil, err
	}
	if err := sleep(ctx, p.settle); err != nil {
		return nil, err
	}
	// A queue that is shorter than what is on its way would lose packets.
	if err := d.network.Shape("delay", c.delay.String(), "rate", p.rate, "limit", "100000"); err != nil {
		return nil, err
	}
	if err := d.order(ctx, c.dirty); err != nil {
		return nil, err
	}
	pings, err := d.network.Ping(guestPort)
	if err != nil {
		return nil, err
	}
	ended := false
	defer func() {
		if !ended {
			pings.End()
		}
	}()
	if err := more(ctx, pings.Back); err != nil {
		return nil, err
	}
	sent, err := d.network.LinkBytes(0)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := move(ctx); err != nil {
		return nil, err
	}
	total := time.Since(began)
	if err := more(ctx, pings.Back); err != nil {
		return nil, err
	}
	_, away := pings.End()
	ended = true
	after, err := d.network.LinkBytes(0)
	if err != nil {
		return nil, err
	}
	return map[string]float64{
		c.id("total"): total.Seconds(),
		c.id("away"):  float64(away) / float64(time.Millisecond),
		c.id("sent"):  float64(after-sent) / (1 << 20),
	}, nil
}

// more waits until some more datagrams have come back.
func more(ctx context.Context, back func() int) error {
	for want := back() + answers; back() < want; {
		if err := sleep(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("the guest does not answer: %w", err)
		}
	}
	return nil
}

// report writes the table, and before it how it came about.
func report(w io.Writer, t *table.Table, o options, before, after string) error {
	_, err := fmt.Fprintf(w, "%s; machines of %d MiB, of which %d are written to; a link of %s; %d rounds, interleaved; load %s before and %s after.\n",
		table.Host(), o.size, o.work, o.rate, o.rounds, before, after)
	if err != nil {
		return err
	}
	return t.Print(w)
}
