package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultPort is that of an address that names none.
const DefaultPort = 8476

const (
	unixPrefix = "unix:"
	maxPath    = 107 // of a unix socket, bytes (unix(7))
	maxHost    = 253 // of a name, bytes (RFC 1035)
)

// Address is where a target listens: Host and Port, or Path of a unix socket.
type Address struct {
	Host string // a name or an IP address; empty for all of a host that listens
	Port uint16 // 0 lets the system choose one to listen on
	Path string
}

// ParseAddress reads HOST:PORT, HOST, with IPv6 addresses in brackets, or unix:PATH.
func ParseAddress(text string) (Address, error) {
	a, err := parseAddress(text)
	if err != nil {
		return Address{}, fmt.Errorf("address %.300q: %w", text, err)
	}
	return a, nil
}

func parseAddress(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, unixPrefix); ok {
		switch {
		case path == "":
			return Address{}, errors.New("there is no path after the colon")
		case len(path) > maxPath:
			return Address{}, fmt.Errorf("the path has %d bytes, at most %d are possible", len(path), maxPath)
		case strings.ContainsRune(path, 0) || path[0] == '@':
			return Address{}, errors.New("the path is none of a file")
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
		if err != nil || port[0] == '+' {
			return Address{}, fmt.Errorf("port %q: want a number up to 65535", port)
		}
		a.Port = uint16(n)
	}
	return a, nil
}

// split takes the port off, which is empty where none is named.
func split(text string) (host, port string, err error) {
	if text == "" {
		return "", "", errors.New("it is empty: want HOST:PORT, [IPV6]:PORT or unix:PATH")
	}
	if rest, ok := strings.CutPrefix(text, "["); ok {
		host, port, ok = strings.Cut(rest, "]")
		ip, err := netip.ParseAddr(host)
		if !ok || err != nil || !ip.Is6() {
			return "", "", errors.New("what is in brackets is no IPv6 address")
		}
		after, ok := strings.CutPrefix(port, ":")
		if port != "" && !ok || ok && after == "" {
			return "", "", errors.New("want a colon and a port after the bracket")
		}
		return host, after, nil
	}
	host, port, named := strings.Cut(text, ":")
	if strings.Contains(port, ":") {
		if _, err := netip.ParseAddr(text); err == nil {
			return "", "", fmt.Errorf("an IPv6 address has to be in brackets: [%s]", text)
		}
		return "", "", errors.New("too many colons: want HOST:PORT, [IPV6]:PORT or unix:PATH")
	}
	if named && port == "" {
		return "", "", errors.New("no port after the colon")
	}
	return host, port, checkHost(host)
}

// checkHost refuses what is neither a name nor an IPv4 address. No host at all is for
// who listens.
func checkHost(host string) error {
	foreign := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_')
	}
	if len(host) > maxHost || strings.ContainsFunc(host, foreign) || strings.HasPrefix(host, "-") {
		return fmt.Errorf("host %.80q: want a name or an IP address", host)
	}
	return nil
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
