package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

type psOptions struct {
	all, quiet, latest, size, noTrunc bool

	last    int
	filters filterFlag
	format  string
}

func newPsCommand(a *app) *cobra.Command {
	var o psOptions
	cmd := &cobra.Command{
		Use:     "ps",
		Aliases: []string{"ls"},
		Short:   "List the instances",
		Long: `List the instances that run, or with -a all there are, the newest first.

The status of one without its jail ends in "(no jail)". One whose files cannot be
read is "Unreadable"; hull inspect says why, hull rm -f removes it.

The fields of a template: .ID .Image .Kernel .Command .CreatedAt .RunningFor
.Ports .Status .State .Size .Names .Labels, and .Label "KEY".`,
		Example: `  hull ps -a
  hull ps -a -f status=exited -f label=team=blue
  hull ps --format 'table {{.Names}}\t{{.Status}}'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return refusal(runPs(cmd.Context(), a, &o)) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "also those that do not run")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "ids only")
	f.IntVarP(&o.last, "last", "n", 0, "the last `N` that were created, running or not")
	f.BoolVarP(&o.latest, "latest", "l", false, "the one that was created last, running or not")
	f.BoolVarP(&o.size, "size", "s", false, "the disk space of each")
	f.VarP(&o.filters, "filter", "f", "only those with `name=value`: "+strings.Join(manager.FilterNames, ", ")+"; may be repeated")
	f.StringVar(&o.format, "format", "", formatUsage)
	f.BoolVar(&o.noTrunc, "no-trunc", false, "whole ids and commands")
	cmd.MarkFlagsMutuallyExclusive("last", "latest")
	completeFormat(cmd)
	completeFlag(cmd, "filter", psFilters()...)
	return cmd
}

// psFilters are the filters as a shell completes them.
func psFilters() []cobra.Completion {
	list := []cobra.Completion{"status=" + stateRestarting}
	for _, s := range instance.Statuses {
		list = append(list, "status="+string(s))
	}
	for _, name := range manager.FilterNames {
		if name != "status" {
			list = append(list, name+"=")
		}
	}
	return list
}

// psHeaders are the words above the columns.
var psHeaders = headers{
	"ID": "INSTANCE ID", "Image": "KERNEL", "Kernel": "KERNEL", "Command": "COMMAND", "CreatedAt": "CREATED AT",
	"RunningFor": "CREATED", "Ports": "PORTS", "Status": "STATUS", "State": "STATE", "Size": "SIZE",
	"Names": "NAMES", "Labels": "LABELS",
}

const (
	psColumns     = `{{.ID}}\t{{.Kernel}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}`
	psSizeColumn  = `\t{{.Size}}`
	maxPsCommand  = 20 // runes
	sizePrecision = 3  // digits
)

// psRow is an instance as its template sees it, and as JSON has it.
type psRow struct {
	ID, Image, Kernel, Command, CreatedAt, RunningFor, Ports, Status, State, Size, Names, Labels string

	labels map[string]string
}

// Label is the value of one label; empty where there is none.
func (r psRow) Label(key string) string { return printable(r.labels[key]) }

func newPsRow(s *manager.Summary, now time.Time, noTrunc bool) psRow {
	id, command := s.ID, printable(strings.Join(s.Command, " "))
	if !noTrunc {
		id, command = instance.ShortID(id), cutRunes(command, maxPsCommand)
	}
	if s.Command != nil {
		command = strconv.Quote(command)
	}
	r := psRow{
		ID: id, Image: printable(s.Kernel), Kernel: printable(s.Kernel), Command: command,
		Status: statusText(s, now), State: stateWord(s), Names: s.Name, Labels: printable(joinPairs(s.Labels, ",")),
		Size: units.HumanSizeWithPrecision(float64(s.Size), sizePrecision), labels: s.Labels,
	}
	if !s.Created.IsZero() {
		r.CreatedAt, r.RunningFor = s.Created.Local().Format("2006-01-02 15:04:05 -0700 MST"), ago(s.Created, now)
	}
	if s.State.Status.Live() {
		r.Ports = strings.Join(s.Ports, ", ")
	}
	return r
}

func runPs(ctx context.Context, a *app, o *psOptions) error {
	columns := psColumns
	if o.size {
		columns += psSizeColumn
	}
	f, err := parseFormat(o.format, columns)
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	list := manager.ListOptions{All: o.all, Last: max(o.last, 0), Size: o.size || strings.Contains(o.format, ".Size"), Filters: o.filters.filters}
	if o.latest {
		list.Last = 1
	}
	instances, err := engine.List(ctx, list)
	if err != nil {
		return err
	}
	rows := make([]psRow, len(instances))
	for i := range instances {
		rows[i] = newPsRow(&instances[i], a.now(), o.noTrunc)
		if o.quiet {
			fmt.Fprintln(a.Stdout, rows[i].ID)
		}
	}
	if o.quiet {
		return nil
	}
	return printRows(a.Stdout, f, psHeaders, rows)
}
