package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// DefaultPort is that of an address that names none.
const DefaultPort = 8476

const (
	unixPrefix = "unix:"
	maxPath    = 107 // of a unix socket, bytes (unix(7))
	maxHost    = 253 // of a name, bytes (RFC 1035)

	wantAddress = "want HOST, HOST:PORT, [IPV6]:PORT or unix:PATH"
)

// Address is where a target listens: Host and Port, or Path of a unix socket.
type Address struct {
	Host string // a name or an IP address; empty for all of a host that listens
	Port uint16 // 0 lets the system choose one to listen on
	Path string // absolute
}

// ParseAddress reads HOST:PORT, HOST, :PORT or unix:PATH. An IPv6 address needs
// brackets only before a port, and the path has to be absolute: who makes the connection
// may be in another folder than who asks for it.
func ParseAddress(text string) (Address, error) {
	a, err := parseAddress(text)
	if err != nil {
		return Address{}, fmt.Errorf("address %.300q: %w", text, err)
	}
	return a, nil
}

func parseAddress(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, unixPrefix); ok {
		if err := checkPath(path); err != nil {
			return Address{}, err
		}
		return Address{Path: path}, nil
	}
	host, port, err := split(text)
	if err != nil {
		return Address{}, err
	}
	a := Address{Host: host, Port: DefaultPort}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return Address{}, fmt.Errorf("port %.20q: want a number from 0 to 65535", port)
		}
		a.Port = uint16(n)
	}
	return a, nil
}

// checkPath refuses what is no path of a socket's file.
func checkPath(path string) error {
	switch {
	case path == "":
		return errors.New("there is no path after the colon")
	case !filepath.IsAbs(path):
		return errors.New("the socket's path has to be absolute")
	case len(path) > maxPath:
		return fmt.Errorf("the socket's path has %d bytes, at most %d are possible", len(path), maxPath)
	case strings.ContainsRune(path, 0):
		return errors.New("the socket's path has a zero byte in it")
	}
	return nil
}

// split takes the port off, which is empty where none is named.
func split(text string) (host, port string, err error) {
	if text == "" {
		return "", "", errors.New("it is empty: " + wantAddress)
	}
	if rest, ok := strings.CutPrefix(text, "["); ok {
		return splitBrackets(rest)
	}
	if isIPv6(text) {
		return text, "", nil
	}
	host, port, named := strings.Cut(text, ":")
	switch {
	case strings.Contains(port, ":"):
		return "", "", errors.New("too many colons: " + wantAddress)
	case named && port == "":
		return "", "", errors.New("no port after the colon")
	case host == "unix": // with its port it would be read as a socket
		return "", "", errors.New("a socket is unix:PATH")
	}
	return host, port, CheckHost(host)
}

// splitBrackets is split behind an opening bracket.
func splitBrackets(text string) (host, port string, err error) {
	host, after, closed := strings.Cut(text, "]")
	if !closed || !isIPv6(host) {
		return "", "", errors.New("what is in brackets is no IPv6 address")
	}
	if after == "" {
		return host, "", nil
	}
	port, ok := strings.CutPrefix(after, ":")
	if !ok || port == "" {
		return "", "", errors.New("want a colon and a port after the bracket")
	}
	return host, port, nil
}

// CheckHost refuses what is neither a host's name nor an IP address, which stands
// without brackets. No host at all is for who listens. Whether there is such a host the
// resolver knows.
func CheckHost(host string) error {
	if isIPv6(host) {
		return nil
	}
	if len(host) > maxHost || strings.ContainsFunc(host, foreign) || strings.HasPrefix(host, "-") {
		return fmt.Errorf("host %.80q: want a name or an IP address", host)
	}
	return nil
}

// isIPv6 is for an address with or without a zone.
func isIPv6(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Is6() && !strings.ContainsFunc(a.Zone(), foreign)
}

// foreign is what stands in no host's name, and in no interface's that is a zone.
func foreign(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_')
}

// IsUnix reports whether a is a unix socket's.
func (a Address) IsUnix() bool { return a.Path != "" }

// String is what ParseAddress reads.
func (a Address) String() string {
	if a.IsUnix() {
		return unixPrefix + a.Path
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// network is how package net calls it.
func (a Address) network() (network, address string) {
	if a.IsUnix() {
		return "unix", a.Path
	}
	return "tcp", a.String()
}
