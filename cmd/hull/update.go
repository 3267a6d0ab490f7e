package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

type updateOptions struct {
	cpus, memory, memoryLimit, restart string
	disks                              diskRatesFlag
}

func newUpdateCommand(a *app) *cobra.Command {
	var o updateOptions
	cmd := &cobra.Command{
		Use:   "update REF...",
		Short: "Change what instances may have, while they run or not",
		Long: `Change what instances may have, while they run or not. Each is named on standard
output when it has what it was given.

--memory is what the guest is to have: its balloon takes the rest, so the machine
needs one (balloon.enabled). --disk sets both rates of a disk until the machine
ends; one that is not given, or is 0, has no limit.`,
		Example: `  hull update --cpus 1.5 --memory-limit 1GiB web
  hull update --disk root:bytes=10MiB,ops=100 web`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, anyInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			update, err := o.update()
			if err != nil {
				return refusal(err)
			}
			return a.eachRef(cmd.Context(), args, echo(func(ctx context.Context, e manager.Engine, ref string) error {
				return e.Update(ctx, ref, update)
			}))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.cpus, "cpus", "", "how many of the host's processors it may keep busy, as 1.5; 0 for no limit")
	f.StringVar(&o.memory, "memory", "", "how much memory the guest is to have, as 512MiB")
	f.StringVar(&o.memoryLimit, "memory-limit", "", "how much of the host's memory it may hold, as 1GiB; 0 for no limit")
	f.StringVar(&o.restart, "restart", "", "when to start it again after it ended: no, on-failure, on-failure:N, always or unless-stopped")
	f.Var(&o.disks, "disk", "limit a disk, as `NAME:bytes=10MiB,ops=100`, each a second; may be repeated")
	completeFlag(cmd, "restart", restartWords...)
	return cmd
}

// update is the options as an engine takes them.
func (o *updateOptions) update() (instance.Update, error) {
	u := instance.Update{Disks: o.disks.disks}
	if o.cpus != "" {
		q, err := configs.ParseCPUQuota(o.cpus)
		if err != nil {
			return u, fmt.Errorf("--cpus: %w", err)
		}
		u.CPUs = &q
	}
	for _, m := range []struct {
		flag, text string
		to         **uint64
	}{{"memory", o.memory, &u.Memory}, {"memory-limit", o.memoryLimit, &u.MemoryLimit}} {
		if m.text == "" {
			continue
		}
		n, err := parseSize(m.text)
		if err != nil {
			return u, fmt.Errorf("--%s: %w", m.flag, err)
		}
		*m.to = &n
	}
	if o.restart != "" {
		p, err := configs.ParseRestartPolicy(o.restart)
		if err != nil {
			return u, fmt.Errorf("--restart: %w", err)
		}
		u.Restart = &p
	}
	if u.Empty() {
		return u, fmt.Errorf("nothing is to be changed; give --cpus, --memory, --memory-limit, --restart or --disk")
	}
	return u, nil
}

// parseSize reads a size as machine files have it, in bytes. 0 needs no unit.
func parseSize(text string) (uint64, error) {
	if text == "0" {
		return 0, nil
	}
	var s configs.Size
	if err := s.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("size %q: %w", text, err)
	}
	return uint64(s), nil
}

// diskRatesFlag collects limits of disks.
type diskRatesFlag struct {
	disks map[string]instance.DiskRates
	given []string
}

func (f *diskRatesFlag) Set(text string) error {
	name, rates, err := parseDiskRates(text)
	if err != nil {
		return err
	}
	if _, twice := f.disks[name]; twice {
		return fmt.Errorf("disk %q is given twice", name)
	}
	if f.disks == nil {
		f.disks = make(map[string]instance.DiskRates)
	}
	f.disks[name] = rates
	f.given = append(f.given, text)
	return nil
}

func (f *diskRatesFlag) String() string { return strings.Join(f.given, " ") }

func (f *diskRatesFlag) Type() string { return "disk" }

// parseDiskRates reads NAME:bytes=SIZE,ops=N, of which either rate may be missing.
func parseDiskRates(text string) (name string, rates instance.DiskRates, err error) {
	name, list, found := strings.Cut(text, ":")
	if !found || name == "" {
		return "", rates, fmt.Errorf("%q names no disk with its rates; write it as NAME:bytes=10MiB,ops=100", text)
	}
	seen := make(map[string]bool)
	for pair := range strings.SplitSeq(list, ",") {
		key, value, _ := strings.Cut(pair, "=")
		if seen[key] {
			return "", rates, fmt.Errorf("%q: %s is given twice", text, key)
		}
		seen[key] = true
		switch key {
		case "bytes":
			rates.BytesPerSecond, err = parseSize(value)
		case "ops":
			if rates.OperationsPerSecond, err = strconv.ParseUint(value, 10, 63); err != nil {
				err = fmt.Errorf("ops %q: it is no number of operations", value)
			}
		default:
			err = fmt.Errorf("there is no rate %q; there are bytes=SIZE and ops=N", key)
		}
		if err != nil {
			return "", instance.DiskRates{}, fmt.Errorf("%q: %w", text, err)
		}
	}
	return name, rates, nil
}
