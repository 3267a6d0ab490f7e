package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/mdlayher/vsock"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
)

// Pauses between two tries, and how long one may take: a guest that is not there yet
// swallows a connection rather than refuse it.
const (
	tryPause = 2 * time.Millisecond
	tryTime  = time.Second
)

// dialer reaches an agent, if there is one yet.
type dialer func(ctx context.Context) (io.ReadWriteCloser, error)

// answered waits until an agent has answered, and says when that was, on the clock of
// measure.Monotonic.
func answered(ctx context.Context, dial dialer) (time.Duration, error) {
	for {
		err := ping(ctx, dial)
		if err == nil {
			return measure.Monotonic(), nil
		}
		select {
		case <-time.After(tryPause):
		case <-ctx.Done():
			return 0, fmt.Errorf("the agent: %w (%w)", context.Cause(ctx), err)
		}
	}
}

func ping(ctx context.Context, dial dialer) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	conn, err := dial(ctx)
	if err != nil {
		return err
	}
	client, err := agent.NewClient(ctx, conn)
	if err != nil {
		return err
	}
	return errors.Join(client.Ping(ctx), client.Close())
}

// onHost dials an agent over the host kernel's vsock.
func onHost(cid uint32) dialer {
	return func(context.Context) (io.ReadWriteCloser, error) { return vsock.Dial(cid, agent.VsockPort, nil) }
}

// ofInstance dials the agent of the one instance that has its sockets in a folder.
func ofInstance(run string) dialer {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		found, err := filepath.Glob(filepath.Join(run, "instances", "*", "vsock.sock"))
		if err != nil {
			return nil, err
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("%d instances have a socket", len(found))
		}
		return unixsock.Connect(ctx, found[0], agent.VsockPort)
	}
}
