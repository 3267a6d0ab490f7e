package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/hullvm/hull/internal/release"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/httpapi"
	"github.com/hullvm/hull/manager/httpapi/listener"
)

type serveOptions struct {
	socket  string
	group   string
	address string
	tls     listener.TLSFiles
	grace   time.Duration
	verbose bool
}

func newServeCommand(a *app) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve this host's instances over HTTP",
		Long: `Serve this host's instances over HTTP (docs/api.md), on a unix socket, on the
sockets that systemd hands over, or on TCP with certificates on both sides.

No instance needs the server: it stands on the same files as the other commands,
instances outlive it, and several may be at work at once. While it is, instances
whose supervisor or host went down are started again by their policies.

The unix socket is for root, the server's own user, and the members of a group:
who may use it may do on this host what the server may.`,
		Example: `  hull serve
  curl --unix-socket /run/hull/hull.sock http://hull/v1/instances?all=true`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runServe(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.socket, "socket", "", "the unix socket's `path` (default hull.sock in the folder for sockets)")
	f.StringVar(&o.group, "group", "", "the `group` whose members may use the socket (default hull, where there is one)")
	f.StringVar(&o.address, "listen", "", "also serve TCP on `host:port`, with TLS")
	f.StringVar(&o.tls.Cert, "tls-cert", "", "the server's certificate, a PEM `file`")
	f.StringVar(&o.tls.Key, "tls-key", "", "the key of the server's certificate, a PEM `file`")
	f.StringVar(&o.tls.ClientCA, "tls-client-ca", "", "a PEM `file` of the authority whose certificates clients must have")
	f.DurationVar(&o.grace, "grace", 10*time.Second, "how long requests may take to end when the server does")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log every request")
	cmd.AddCommand(newServeCACommand(a))
	return cmd
}

func runServe(ctx context.Context, a *app, o serveOptions) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{Level: level}))
	dirs := manager.DirsFromEnv(a.Getenv)
	listeners, err := openListeners(ctx, o, dirs)
	if err != nil {
		return err
	}
	m, err := manager.Open(dirs, log)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	looking.Go(func() { httpapi.KeepRecovered(ctx, m, httpapi.RecoveryInterval, log) })

	server := httpapi.New(m, httpapi.Options{Version: release.Version, Log: log, Grace: o.grace})
	for _, l := range listeners {
		log.Info("serving", "network", l.Addr().Network(), "address", l.Addr().String())
	}
	notify(log, daemon.SdNotifyReady)
	context.AfterFunc(ctx, func() { notify(log, daemon.SdNotifyStopping) })
	return server.Serve(ctx, listeners...)
}

// notify tells systemd, where that has started the server.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("tell systemd", "state", state, "cause", err)
	}
}

// openListeners opens what is served. What systemd hands over takes the place of
// the usual socket.
func openListeners(ctx context.Context, o serveOptions, dirs manager.Dirs) (list []net.Listener, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(list))
			list = nil
		}
	}()
	config, err := o.tls.Config()
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	if list, err = listener.Activated(config); err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	if len(list) == 0 || o.socket != "" {
		at := listener.UnixOptions{Path: o.socket, Group: o.group}
		if at.Path == "" {
			at.Path, at.OwnFolder = filepath.Join(dirs.Run, "hull.sock"), true
		}
		if at.Path, err = filepath.Abs(at.Path); err != nil {
			return list, fmt.Errorf("serve: socket: %w", err)
		}
		l, err := listener.Unix(ctx, at)
		if err != nil {
			return list, fmt.Errorf("serve: %w", err)
		}
		list = append(list, l)
	}
	if o.address != "" {
		l, err := listener.TCP(ctx, o.address, config)
		if err != nil {
			return list, fmt.Errorf("serve: %w", err)
		}
		list = append(list, l)
	}
	return list, nil
}

func closeAll(list []net.Listener) error {
	var errs []error
	for _, l := range list {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
