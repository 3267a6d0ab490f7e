package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/lab"
)

type labUpOptions struct {
	labHostOptions
	name  string
	hosts int
}

func newLabUpCommand(a *app) *cobra.Command {
	var o labUpOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start lab hosts",
		Long: `Start a lab host, or several. A host that runs already is left as it is.

Hosts live on when this command has ended, until 'hull lab down', or until they
were not used for the time of --idle.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLabUp(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", lab.DefaultName, "name of the host; with --hosts, its beginning")
	f.IntVar(&o.hosts, "hosts", 1, "start `N` hosts, called NAME-1 to NAME-N")
	o.addFlags(cmd, true)
	return cmd
}

func runLabUp(ctx context.Context, a *app, o labUpOptions) error {
	if o.hosts < 1 || o.hosts > 16 {
		return fmt.Errorf("lab: --hosts: %d is not between 1 and 16", o.hosts)
	}
	names := []string{o.name}
	if o.hosts > 1 {
		names = nil
		for i := range o.hosts {
			names = append(names, fmt.Sprintf("%s-%d", o.name, i+1))
		}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	l, err := openLab(a)
	if err != nil {
		return err
	}
	spec, err := o.spec(ctx, a, o.name)
	if err != nil {
		return err
	}
	specs := make([]lab.Spec, len(names))
	for i, name := range names {
		specs[i] = spec
		specs[i].Name = name
	}
	var errs []error
	for i, r := range l.UpAll(ctx, specs) {
		word := "runs already"
		switch {
		case r.Err != nil:
			errs = append(errs, r.Err)
			continue
		case r.Fresh:
			word = "is up"
		}
		fmt.Fprintf(a.Stderr, "hull: lab host %q %s: %s\n", names[i], word, describe(r.Status))
	}
	return errors.Join(errs...)
}
