package netd

import (
	"io"

	"github.com/sirupsen/logrus"

	"github.com/hullvm/hull/internal/ratelimit"
)

// A guest can cause errors as it likes: so many lines of them a second are
// written.
const (
	linesPerSecond = 2
	linesBurst     = 20
)

// QuietLog sends the errors of the network's libraries to w, at a limited rate.
func QuietLog(w io.Writer) {
	logrus.SetLevel(logrus.ErrorLevel)
	logrus.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: true})
	logrus.SetOutput(&limitedWriter{w: w, limit: ratelimit.New(
		ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: linesPerSecond, Burst: linesBurst}}, ratelimit.Clock{})})
}

type limitedWriter struct {
	w     io.Writer
	limit *ratelimit.Limiter
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if !l.limit.Allow() {
		return len(p), nil
	}
	l.limit.Take(1, 0)
	return l.w.Write(p)
}
