package httpapi

import (
	"context"
	"log/slog"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// RecoveryInterval is the time from the end of one recovery to the next.
const RecoveryInterval = 30 * time.Second

// KeepRecovered brings to order what hosts and supervisors that went down have
// left, now and every so often, one time after the other, until ctx ends.
func KeepRecovered(ctx context.Context, e manager.Engine, every time.Duration, log *slog.Logger) {
	for {
		started, err := e.Recover(ctx)
		for _, id := range started {
			log.Info("started again by its policy", "instance", instance.ShortID(id))
		}
		if err != nil && ctx.Err() == nil {
			log.Error("recover", "cause", err)
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return
		}
	}
}
