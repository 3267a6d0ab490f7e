package pid1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/agent/builtins"
	"github.com/hullvm/hull/agent/local"
	"github.com/hullvm/hull/agent/renew"
)

// maxInterface bounds the description of an interface that a client sends, in
// bytes.
const maxInterface = 64 << 10

// serve answers clients on a vsock port until the machine ends.
func (s *system) serve(port uint32) error {
	listen := func() (net.Listener, error) { return listenVsock(port) }
	l, err := listen()
	if err != nil {
		return err
	}
	s.server = agent.NewServer(agent.ServerOptions{
		Spawner:  local.NewSpawner(local.Options{Reaper: s.reaper, Cgroup: s.groups, Enter: s.freezer.Enter}),
		Builtins: s.builtins(),
		Remark:   say,
	})
	s.start(func() {
		acceptAll(context.Background(), l, listen, say, func(c net.Conn) {
			s.start(func() {
				if err := s.server.Serve(context.Background(), c); err != nil {
					say(err.Error())
				}
			})
		})
	})
	return nil
}

// builtins are those of every agent, and those that only a guest's first process
// can have.
func (s *system) builtins() map[string]agent.Builtin {
	all := builtins.All()
	maps.Copy(all, s.freezer.Builtins())
	all["network"] = s.setNetwork
	all["poweroff"] = func(context.Context, agent.BuiltinCall) int { s.ask(ending{status: &exit{}}); return 0 }
	all["reboot"] = func(context.Context, agent.BuiltinCall) int { s.ask(ending{reboot: true}); return 0 }
	all["renew"] = renew.New(s.devices, s.freezer).Builtin
	all["signal"] = s.signalMain
	return all
}

// signalMain is the built-in that sends a signal to the main process.
func (s *system) signalMain(_ context.Context, b agent.BuiltinCall) int {
	if len(b.Args) != 2 {
		fmt.Fprintf(b.Stderr, "signal: %d arguments, wanted 1\n", len(b.Args)-1)
		return 2
	}
	sig, err := agent.ParseSignal(b.Args[1])
	if err != nil {
		fmt.Fprintf(b.Stderr, "signal: %v\n", err)
		return 2
	}
	err = errors.New("there is no main process yet")
	if child := s.child.Load(); child != nil {
		err = child.Signal(sig)
	}
	if errors.Is(err, unix.ESRCH) {
		err = errors.New("the main process has ended")
	}
	if err != nil {
		fmt.Fprintf(b.Stderr, "signal: %v\n", err)
		return 1
	}
	return 0
}

// setNetwork is the built-in that sets an interface up; its description comes on
// standard input.
func (s *system) setNetwork(_ context.Context, b agent.BuiltinCall) int {
	var c bootconf.Interface
	err := json.NewDecoder(io.LimitReader(b.Stdin, maxInterface)).Decode(&c)
	if err == nil {
		err = c.Validate()
	}
	if err == nil {
		// Its lease is renewed for as long as the machine runs, and not only for
		// as long as the client is there.
		err = s.devices.Up(context.Background(), c)
	}
	if err != nil {
		fmt.Fprintf(b.Stderr, "network: %v\n", err)
		return 1
	}
	return 0
}
