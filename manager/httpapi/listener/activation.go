package listener

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Activated are the sockets that systemd has handed to this process; none where it
// has not. A unix socket's group is that of its file. TCP needs a configuration of
// TLS.
func Activated(config *tls.Config) ([]net.Listener, error) {
	return adopt(activation.Files(true), config)
}

// adopt makes listeners of open sockets, and closes the files.
func adopt(files []*os.File, config *tls.Config) (list []net.Listener, err error) {
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			for _, l := range list {
				err = errors.Join(err, l.Close())
			}
			list = nil
		}
	}()
	for _, f := range files {
		l, err := net.FileListener(f)
		if err != nil {
			return list, fmt.Errorf("socket %q of systemd: it is nothing to listen on: %w", f.Name(), cause(err))
		}
		switch l := l.(type) {
		case *net.UnixListener:
			l.SetUnlinkOnClose(false) // it is systemd's
			list = append(list, &unixListener{UnixListener: l, gid: fileGroup(l.Addr().String())})
		case *net.TCPListener:
			if config == nil {
				return list, errors.Join(fmt.Errorf("socket %q of systemd: %w", f.Name(), errPlainTCP), l.Close())
			}
			list = append(list, tls.NewListener(l, config))
		default:
			return list, errors.Join(fmt.Errorf("socket %q of systemd: %s is neither a unix socket nor TCP", f.Name(), l.Addr().Network()), l.Close())
		}
	}
	return list, nil
}

// fileGroup is the group of a socket's file; -1 for a socket that has none.
func fileGroup(path string) int {
	var st unix.Stat_t
	if !strings.HasPrefix(path, "/") || unix.Stat(path, &st) != nil {
		return -1
	}
	return int(st.Gid)
}
