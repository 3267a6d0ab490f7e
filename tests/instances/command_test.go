package instances

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/manager"
)

// command does one thing with an instance in a process of its own, which a test may
// kill at any moment: as hull does, and `hull serve`.
func command(args []string) int {
	if len(args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: hull VERB HOME PROGRAMS [REF]")
		return 2
	}
	verb, home := args[0], args[1]
	ref := ""
	if len(args) > 3 {
		ref = args[3]
	}
	m, err := manager.Open(manager.Dirs{State: home + "/s", Run: home + "/r", Guest: guest.Dirs{
		Home: home, Kernels: home + "/k", Cache: home + "/c", Programs: args[2],
	}}, nil)
	if err == nil {
		err = do(context.Background(), m, home, verb, ref)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func do(ctx context.Context, m *manager.Manager, home, verb, ref string) error {
	switch verb {
	case "create":
		config, err := configs.Parse("box.toml", []byte(machineText(home)))
		if err != nil {
			return err
		}
		_, err = m.Create(ctx, manager.CreateOptions{Machine: config, Name: ref, KVM: kvmDevice()})
		return err
	case "start":
		return m.Start(ctx, ref)
	case "stop":
		return m.Stop(ctx, ref, manager.StopOptions{})
	case "kill":
		return m.Kill(ctx, ref, syscall.SIGKILL)
	case "pause":
		return m.Pause(ctx, ref)
	case "unpause":
		return m.Unpause(ctx, ref)
	case "rename":
		return m.Rename(ctx, ref, ref+"x")
	case "rm":
		return m.Remove(ctx, ref, manager.RemoveOptions{Force: true})
	case "snapshot":
		_, err := m.CreateSnapshot(ctx, ref, manager.SnapshotOptions{Name: ref + "-" + fmt.Sprint(os.Getpid())})
		return err
	case "clone":
		return clone(ctx, m, ref)
	case "serve":
		for {
			if _, err := m.Recover(ctx); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	default:
		return fmt.Errorf("verb %q", verb)
	}
}

// clone makes two instances of the newest snapshot; ref is where their names begin.
func clone(ctx context.Context, m *manager.Manager, ref string) error {
	list, err := m.ListSnapshots(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	o := manager.CloneOptions{Count: 2, RestoreOptions: manager.RestoreOptions{Name: ref + "-c", KVM: kvmDevice()}}
	_, err = m.Clone(ctx, list[0].Name, o)
	return err
}
