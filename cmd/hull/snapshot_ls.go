package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

type snapshotLsOptions struct {
	quiet, noTrunc bool

	format string
}

func newSnapshotLsCommand(a *app) *cobra.Command {
	var o snapshotLsOptions
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the snapshots",
		Long: `List the snapshots, the newest first. Where one cannot be used, a column says why.

The fields of a template: .Name .Instance .Created .CreatedAt .Kernel .VCPUs .Memory
.Disks .Size .Problem.`,
		Example:           "  hull snapshot ls\n  hull snapshot ls --format '{{.Name}}: {{.Size}}'",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return refusal(runSnapshotLs(cmd.Context(), a, &o)) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.quiet, "quiet", "q", false, "names only")
	f.StringVar(&o.format, "format", "", formatUsage)
	f.BoolVar(&o.noTrunc, "no-trunc", false, "whole problems and kernels")
	completeFormat(cmd)
	return cmd
}

// snapshotHeaders are the words above the columns.
var snapshotHeaders = headers{
	"Name": "NAME", "Instance": "INSTANCE", "Created": "CREATED", "CreatedAt": "CREATED AT", "Kernel": "KERNEL",
	"VCPUs": "VCPUS", "Memory": "MEMORY", "Disks": "DISKS", "Size": "SIZE", "Problem": "PROBLEM",
}

const (
	snapshotColumns       = `{{.Name}}\t{{.Instance}}\t{{.Created}}\t{{.Kernel}}\t{{.VCPUs}}\t{{.Memory}}\t{{.Size}}`
	snapshotProblemColumn = `\t{{.Problem}}` // where there is one

	maxSnapshotKernel  = 30 // runes
	maxSnapshotProblem = 60
)

// snapshotRow is a snapshot as its template sees it, and as JSON has it. What is not
// known of one that cannot be read is empty.
type snapshotRow struct {
	Name, Instance, Created, CreatedAt, Kernel, VCPUs, Memory, Disks, Size, Problem string
}

func newSnapshotRow(s *manager.Snapshot, now time.Time, noTrunc bool) snapshotRow {
	r := snapshotRow{
		Name: printable(s.Name), Instance: printable(s.Instance), Kernel: printable(s.Kernel), Problem: printable(s.Problem),
		VCPUs: strconv.Itoa(s.VCPUs), Memory: units.BytesSize(float64(s.Memory)), Disks: strconv.Itoa(s.Disks),
		Size: units.HumanSizeWithPrecision(float64(s.Size), sizePrecision),
	}
	if !noTrunc {
		r.Kernel, r.Problem = cutRunes(r.Kernel, maxSnapshotKernel), cutRunes(r.Problem, maxSnapshotProblem)
	}
	if !s.Created.IsZero() {
		r.CreatedAt, r.Created = s.Created.Local().Format("2006-01-02 15:04:05 -0700 MST"), ago(s.Created, now)
	}
	if s.Problem == "" {
		return r
	}
	if s.VCPUs == 0 { // a machine has one at least: nothing is known of it
		r.VCPUs, r.Memory, r.Disks = "", "", ""
	}
	if s.Size == 0 {
		r.Size = ""
	}
	return r
}

func runSnapshotLs(ctx context.Context, a *app, o *snapshotLsOptions) error {
	if _, err := parseFormat(o.format, snapshotColumns); err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	list, err := engine.ListSnapshots(ctx)
	if err != nil {
		return err
	}
	rows := make([]snapshotRow, len(list))
	for i := range list {
		rows[i] = newSnapshotRow(&list[i], a.now(), o.noTrunc)
		if o.quiet {
			fmt.Fprintln(a.Stdout, rows[i].Name)
		}
	}
	if o.quiet {
		return nil
	}
	columns := snapshotColumns
	if slices.ContainsFunc(rows, func(r snapshotRow) bool { return r.Problem != "" }) {
		columns += snapshotProblemColumn
	}
	f, err := parseFormat(o.format, columns)
	if err != nil {
		return err
	}
	return printRows(a.Stdout, f, snapshotHeaders, rows)
}
