package manager

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hullvm/hull/manager/names"
	"github.com/hullvm/hull/migrate/transport"
)

// Compressions are the ways to compress memory.
var Compressions = []string{CompressAuto, CompressNone, CompressLZ4, CompressZstd}

// MoveAddress reads where a machine is waited for. What is wrong is of
// [instance.KindInvalid].
func MoveAddress(text string) (transport.Address, error) {
	a, err := transport.ParseAddress(text)
	if err != nil {
		return a, invalid("%w", err)
	}
	return a, nil
}

// Check refuses options that make no sense, whatever the instance. What is wrong is
// of [instance.KindInvalid].
func (o *MigrateOptions) Check() error {
	a, err := MoveAddress(o.To)
	if err != nil {
		return err
	}
	if !a.IsUnix() && (a.Host == "" || a.Port == 0) {
		return invalid("address %.300q: it names no host and port to go to", o.To)
	}
	if err := o.TLS.check(a); err != nil {
		return err
	}
	switch {
	case o.Connections < 0 || o.Connections > MaxMigrationConnections:
		return invalid("connections %d: there have to be 1 to %d, or 0 to have them chosen", o.Connections, MaxMigrationConnections)
	case o.Compression != "" && !slices.Contains(Compressions, o.Compression):
		return invalid("compression %.40q: it is none of %s", o.Compression, strings.Join(Compressions, ", "))
	case o.Throttle < 0 || o.Throttle > MaxMigrationThrottle:
		return invalid("throttle %d: it has to be from 0 to %d percent", o.Throttle, MaxMigrationThrottle)
	case o.Downtime < 0:
		return invalid("downtime %v: it is negative", o.Downtime)
	case o.Timeout < 0:
		return invalid("timeout %v: it is negative", o.Timeout)
	}
	return nil
}

// Check refuses options that make no sense. What is wrong is of
// [instance.KindInvalid].
func (o *ReceiveOptions) Check() error {
	a, err := MoveAddress(o.Listen)
	if err != nil {
		return err
	}
	if err := o.TLS.check(a); err != nil {
		return err
	}
	if o.TLS != nil && o.TLS.Name != "" {
		return invalid("TLS: name %.80q: who receives expects none", o.TLS.Name)
	}
	if o.Name != "" {
		if err := names.Valid(o.Name); err != nil {
			return invalid("%w", err)
		}
	}
	for name, path := range o.Disks {
		if name == "" || !filepath.IsAbs(path) {
			return invalid("disk %.80q: path %.300q: it has to be absolute", name, path)
		}
	}
	if o.Expire < 0 {
		return invalid("expire %v: it is negative", o.Expire)
	}
	return nil
}

// check refuses a set of files that is not whole. No files are no TLS.
func (f *TLSFiles) check(a transport.Address) error {
	switch {
	case f == nil:
		return nil
	case a.IsUnix():
		return invalid("TLS: a unix socket is reached on its own host only, and has none")
	case f.CA == "" || f.Cert == "" || f.Key == "":
		return invalid("TLS: the authority's certificate, this side's certificate and its key belong together: one of them is missing")
	}
	for _, path := range []string{f.CA, f.Cert, f.Key} {
		if !filepath.IsAbs(path) {
			return invalid("TLS: path %.300q: it has to be absolute", path)
		}
	}
	if err := transport.CheckHost(f.Name); err != nil {
		return invalid("TLS: name: %w", err)
	}
	return nil
}
