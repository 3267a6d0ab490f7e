package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// moveTLS are the options of migrate and receive that say how one side knows the
// other.
type moveTLS struct {
	ca, cert, key, name string

	plaintext bool
}

func (o *moveTLS) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.ca, "tls-ca", "", "a PEM `file` of the authority whose certificates the other side must have")
	f.StringVar(&o.cert, "tls-cert", "", "this side's certificate, a PEM `file`")
	f.StringVar(&o.key, "tls-key", "", "the key of --tls-cert, a PEM `file`")
	f.BoolVar(&o.plaintext, "plaintext", false, "go without certificates, over a network that is trusted")
}

// files are the options as an engine takes them; nil for a connection in the clear,
// which is a unix socket, or TCP where somebody says so.
func (o *moveTLS) files(flag, address string) (*manager.TLSFiles, error) {
	a, err := manager.MoveAddress(address)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	var missing []string
	for _, f := range []struct{ flag, value string }{{"--tls-ca", o.ca}, {"--tls-cert", o.cert}, {"--tls-key", o.key}} {
		if f.value == "" {
			missing = append(missing, f.flag)
		}
	}
	given := len(missing) < 3 || o.name != ""
	switch {
	case given && o.plaintext:
		return nil, invalidOption("--plaintext is for going without certificates, and there are some")
	case given && len(missing) > 0:
		return nil, invalidOption("--tls-ca, --tls-cert and --tls-key belong together, and there is no " + strings.Join(missing, ", no "))
	case given:
		return o.absolute()
	case !a.IsUnix() && !o.plaintext:
		return nil, invalidOption(fmt.Sprintf(
			"--%s %s: without certificates neither side knows the other, and the network reads along: give --tls-ca, --tls-cert and --tls-key (hull serve ca makes them), or --plaintext where the network is trusted",
			flag, printable(address)))
	}
	return nil, nil
}

// absolute is for who reads the files in another folder.
func (o *moveTLS) absolute() (*manager.TLSFiles, error) {
	f := &manager.TLSFiles{Name: o.name}
	for _, p := range []struct {
		from string
		to   *string
	}{{o.ca, &f.CA}, {o.cert, &f.Cert}, {o.key, &f.Key}} {
		var err error
		if *p.to, err = filepath.Abs(p.from); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// moveAddress is an address with the path of a socket as another folder has it.
func moveAddress(text string) (string, error) {
	path, isUnix := strings.CutPrefix(text, "unix:")
	if !isUnix || path == "" {
		return text, nil
	}
	path, err := filepath.Abs(path)
	return "unix:" + path, err
}

func invalidOption(text string) error {
	return &instance.Error{Kind: instance.KindInvalid, Err: errors.New(text)}
}
