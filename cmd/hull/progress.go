package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"

	"github.com/hullvm/hull/internal/terminal"
)

// progressBar shows on a terminal how far something has got, on one line that is
// written over. A nil one shows nothing.
type progressBar struct {
	w    io.Writer
	what string
	now  func() time.Time

	mu    sync.Mutex // of what follows
	shown time.Time
	width int // runes that are on the terminal
}

const (
	barWidth    = 20                     // columns
	barName     = 26                     // columns of what it is about: all is less than 80
	barInterval = 100 * time.Millisecond // between two looks of it
)

// progress is a bar on stderr, or nil where that is no terminal.
func (a *app) progress(what string) *progressBar {
	f, ok := a.Stderr.(*os.File)
	if !ok || !terminal.IsTerminal(f) {
		return nil
	}
	return &progressBar{w: f, what: cutRunes(printable(what), barName), now: a.now}
}

// update is what an engine calls with the progress; nil where nothing is shown.
func (b *progressBar) update() func(done, total int64) {
	if b == nil {
		return nil
	}
	return b.show
}

func (b *progressBar) show(done, total int64) {
	b.showText(barText(b.what, done, total), done >= total)
}

// showText shows another text where it is time for it, or where it is the last.
func (b *progressBar) showText(text string, last bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if b.width > 0 && !last && now.Sub(b.shown) < barInterval {
		return
	}
	b.shown = now
	b.write(text)
}

// clear takes the bar off the terminal.
func (b *progressBar) clear() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.width > 0 {
		b.write("")
		_, _ = io.WriteString(b.w, "\r")
	}
	b.width = 0
}

// write puts text in the place of what is there.
func (b *progressBar) write(text string) {
	width := len([]rune(text))
	rest := strings.Repeat(" ", max(b.width-width, 0))
	_, _ = io.WriteString(b.w, "\r"+text+rest)
	b.width = width
}

// barText is the bar for so many bytes of so many.
func barText(what string, done, total int64) string {
	done, total = max(done, 0), max(total, 0)
	share := 0.0
	if total > 0 {
		done = min(done, total)
		share = float64(done) / float64(total)
	}
	full := int(share * barWidth)
	return fmt.Sprintf("%s [%s%s] %3d%% %s / %s", what, strings.Repeat("#", full), strings.Repeat(".", barWidth-full),
		int(share*100), units.BytesSize(float64(done)), units.BytesSize(float64(total)))
}
