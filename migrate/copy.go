package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/hullvm/hull/migrate/converge"
	"github.com/hullvm/hull/migrate/handoff"
)

// What is expected of a hand-over before there has been one: a small machine's state,
// and the time to hold a guest, save, load and start it.
const (
	usualState = 128 << 10 // bytes
	usualFixed = 10 * time.Millisecond
)

// copy sends memory, pass after pass, until the rest is little enough.
func (p *sender) copy(ctx context.Context) {
	err := p.passes(ctx)
	switch {
	case err == nil:
		p.tell(happening{event: handoff.SwitchOver})
	case ctx.Err() == nil: // who ended it knows why
		p.tell(happening{event: handoff.Timeout, err: err})
	}
}

func (p *sender) passes(ctx context.Context) error {
	policy := converge.New(converge.Config{
		Downtime: p.options.Downtime, Timeout: p.options.Timeout, MaxThrottle: p.options.Throttle,
	})
	var sum Report
	throttle := 0
	for round := 1; ; round++ {
		pass, err := p.source.Pass(ctx)
		if err != nil {
			return err
		}
		sum.add(pass)
		d := policy.Decide(converge.Round{
			Sent: pass.Data, Wire: pass.Wire, Took: pass.Took, Left: pass.Left,
			State: usualState, Fixed: usualFixed,
		})
		progress := Progress{Round: round, Sent: sum.Sent, Left: pass.Left, Throttle: d.Throttle, ExpectedDowntime: d.Expected}
		progress.DirtyRate, progress.Rate = policy.Rates()
		p.tell(happening{note: func(p *sender) {
			p.copied = progress
			p.report.add(pass)
			p.show()
		}})
		switch d.Verdict {
		case converge.Switch:
			return nil
		case converge.GiveUp:
			return errors.New(d.Reason)
		}
		if d.Throttle != throttle {
			throttle = d.Throttle
			if err := p.source.Slow(ctx, throttle); err != nil {
				return err
			}
		}
	}
}

// add counts a pass.
func (r *Report) add(p Pass) {
	r.Rounds++
	r.Sent += p.Data
	r.Pages += p.Pages
	r.ZeroPages += p.Zero
	r.Wire += p.Wire
}
