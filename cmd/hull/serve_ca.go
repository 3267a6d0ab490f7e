package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/httpapi/ca"
)

func newServeCACommand(a *app) *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Make the certificates that serving on TCP takes",
		Long: `Make the certificates that 'hull serve --listen' and its clients need: an
authority, and with it a certificate for the server and one for each client.
Keys are ECDSA on P-256, files are for their owner alone (0600), and none is ever
overwritten.`,
		Example: `  hull serve ca init
  hull serve ca issue server --host vm1.example.org --host 192.0.2.1
  hull serve ca issue alice`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&folder, "dir", "", "the `folder` of the authority's files (default tls in Hull's folder)")
	cmd.AddCommand(newServeCAInitCommand(a, &folder), newServeCAIssueCommand(a, &folder))
	return cmd
}

func caFolder(a *app, chosen string) string {
	if chosen != "" {
		return chosen
	}
	return filepath.Join(manager.DirsFromEnv(a.Getenv).State, "tls")
}

func newServeCAInitCommand(a *app, folder *string) *cobra.Command {
	name := "Hull"
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make an authority: ca.pem and ca.key",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := ca.Init(caFolder(a, *folder), name)
			if err != nil {
				return fmt.Errorf("serve: %w", err)
			}
			_, err = fmt.Fprintln(a.Stdout, path)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", name, "what the authority is called")
	return cmd
}

func newServeCAIssueCommand(a *app, folder *string) *cobra.Command {
	var hosts []string
	cmd := &cobra.Command{
		Use:   "issue NAME",
		Short: "Make a certificate: NAME.pem and NAME.key",
		Long: `Make a certificate of the authority: for a server where --host says by which
names and addresses clients reach it, and for a client where it does not.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := ca.Issue(caFolder(a, *folder), ca.Request{Name: args[0], Hosts: hosts})
			if err != nil {
				return fmt.Errorf("serve: %w", err)
			}
			_, err = fmt.Fprintln(a.Stdout, path)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&hosts, "host", nil, "a `name` or address of the server; may be repeated")
	return cmd
}
