package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/hullvm/hull/manager"
)

// moveFormat reads the --format of migrate; nil for none.
func moveFormat(text string) (*format, error) {
	if text == "" {
		return nil, nil
	}
	f, err := parseFormat(text, "")
	if err == nil && f.table {
		err = invalidOption(fmt.Sprintf("--format %q: one report makes no table; take json or a template", text))
	}
	return f, err
}

// moveLines writes a JSON object a line, as the server's do.
type moveLines struct {
	encoder *json.Encoder
	err     error // the first
}

func (a *app) moveLines() *moveLines {
	e := json.NewEncoder(a.Stdout)
	e.SetEscapeHTML(false)
	return &moveLines{encoder: e}
}

func (l *moveLines) write(v any) {
	if err := l.encoder.Encode(v); err != nil && l.err == nil {
		l.err = err
	}
}

// reportText says in some lines what a move took.
func reportText(r *manager.MigrationReport) string {
	size := func(n uint64) string { return units.BytesSize(float64(n)) }
	var b strings.Builder
	fmt.Fprintf(&b, "%s runs at %s\n", printable(r.Name), printable(r.To))
	fmt.Fprintf(&b, "  time       %s, %s\n", shortDuration(r.Total), counted(r.Rounds, "round"))
	fmt.Fprintf(&b, "  memory     %s, %s on the network\n", size(r.Sent), size(r.Wire))
	p := r.Parts
	fmt.Fprintf(&b, "  downtime   %s: pause %s, last pass %s, state %s, load %s, resume %s\n", shortDuration(r.Downtime),
		shortDuration(p.Pause), shortDuration(p.LastPass), shortDuration(p.State), shortDuration(p.Load), shortDuration(p.Resume))
	return b.String()
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// shortDuration is a time with three digits or so.
func shortDuration(d time.Duration) string {
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// moveBar shows how far a move is, as a progressBar does.
type moveBar struct {
	*progressBar
	name string
}

const (
	moveBarName  = 16 // columns of an instance's name
	moveBarWidth = 14
)

func (a *app) moveBar(ref string) *moveBar {
	return &moveBar{a.progress(""), cutRunes(printable(ref), moveBarName)}
}

func (b *moveBar) moved(p manager.MigrationProgress) {
	if b.progressBar != nil {
		b.showText(moveText(b.name, p), false)
	}
}

// moveText is the line for how far a move is.
func moveText(name string, p manager.MigrationProgress) string {
	phase := p.Phase
	if p.Phase == "copying" {
		phase = fmt.Sprintf("round %d", max(p.Round, 1))
	}
	done := p.Total - min(p.Left, p.Total)
	share := 0.0
	if p.Total > 0 {
		share = float64(done) / float64(p.Total)
	}
	full := int(share * moveBarWidth)
	size := func(n uint64) string { return units.BytesSize(float64(n)) }
	return fmt.Sprintf("%s %s [%s%s] %3d%%, %s left, %s/s", name, cutRunes(printable(phase), len("handed-over")),
		strings.Repeat("#", full), strings.Repeat(".", moveBarWidth-full), int(share*100), size(p.Left), size(p.Rate))
}
