package pci

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// maxLines is the most lines that a guest can have one transport log.
const maxLines = 32

// limitedLog logs what a guest can bring about any number of times.
type limitedLog struct {
	log   *slog.Logger // nil for none
	name  string
	lines atomic.Int64
}

// info is for what a driver did wrong, warn for what is lost by it.
func (l *limitedLog) info(what string, err error) { l.write(slog.LevelInfo, what, err) }

func (l *limitedLog) warn(what string, err error) { l.write(slog.LevelWarn, what, err) }

func (l *limitedLog) write(level slog.Level, what string, err error) {
	if l.log == nil {
		return
	}
	n := l.lines.Add(1)
	if n > maxLines {
		return
	}
	l.log.LogAttrs(context.Background(), level, what, slog.String("device", l.name), slog.Any("error", err))
	if n == maxLines {
		l.log.LogAttrs(context.Background(), level, "no more is logged of this device", slog.String("device", l.name))
	}
}
