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

func (l *limitedLog) warn(what string, err error) {
	if l.log == nil {
		return
	}
	n := l.lines.Add(1)
	if n > maxLines {
		return
	}
	l.log.LogAttrs(context.Background(), slog.LevelWarn, what, slog.String("device", l.name), slog.Any("error", err))
	if n == maxLines {
		l.log.LogAttrs(context.Background(), slog.LevelWarn, "no more is logged of this device", slog.String("device", l.name))
	}
}
