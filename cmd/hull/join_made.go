package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// joinMade joins the console of an instance that a command has made and started. One
// that ended before, and was removed at its end, has left nothing to show.
func joinMade(ctx context.Context, a *app, engine manager.Engine, o *attachOptions, keys []byte, d *instance.Description, began time.Time) error {
	err := joinStarted(ctx, a, engine, o, keys, d.ID, began)
	if d.AutoRemove && instance.KindOf(err) == instance.KindNotFound {
		return &instance.Error{Kind: instance.KindGone, Err: fmt.Errorf(
			"instance %q: it has ended before its console could be joined, and was removed; leave out --rm to have its log", d.Name)}
	}
	return err
}
