package manager

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// MigrationPort is where machines are received when nobody says otherwise.
const MigrationPort = "8476"

// maxHost bounds a host's name, in bytes (RFC 1035).
const maxHost = 255

// MigrationAddress is where a machine is received, in package net's words.
type MigrationAddress struct {
	Network string // tcp or unix
	Address string
}

// Host is the host that is to be reached; empty for a unix socket, and for all
// addresses of a host that listens.
func (a MigrationAddress) Host() string {
	if a.Network != "tcp" {
		return ""
	}
	host, _, err := net.SplitHostPort(a.Address)
	if err != nil {
		return ""
	}
	return host
}

// String is the address as ParseMigrationAddress reads it.
func (a MigrationAddress) String() string {
	if a.Network == "unix" {
		return unixPrefix + a.Address
	}
	return a.Address
}

const unixPrefix = "unix:"

// ParseMigrationAddress reads HOST, HOST:PORT, :PORT or unix:PATH, of which the path
// has to be absolute. Without a port it is MigrationPort. An IPv6 address with a port
// has brackets around it. What is wrong is of [instance.KindInvalid].
func ParseMigrationAddress(text string) (MigrationAddress, error) {
	a, err := parseMigrationAddress(text)
	if err != nil {
		return MigrationAddress{}, invalid("address %.300q: %w", text, err)
	}
	return a, nil
}

func parseMigrationAddress(text string) (MigrationAddress, error) {
	if path, isUnix := strings.CutPrefix(text, unixPrefix); isUnix {
		switch {
		case !filepath.IsAbs(path):
			return MigrationAddress{}, fmt.Errorf("the socket's path has to be absolute")
		case len(path) > maxSocketPath || strings.ContainsRune(path, 0):
			return MigrationAddress{}, fmt.Errorf("a socket's path has at most %d bytes, and none of them is 0", maxSocketPath)
		}
		return MigrationAddress{Network: "unix", Address: path}, nil
	}
	host, port := text, MigrationPort
	if inner, ok := bracketed(text); ok && isIPv6(inner) {
		host = inner
	} else if isIPv6(text) {
		host = text
	} else if strings.ContainsAny(text, ":[]") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return MigrationAddress{}, fmt.Errorf("write it as HOST, HOST:PORT, [IPV6]:PORT or unix:PATH")
		}
	}
	if err := checkHost(host); err != nil {
		return MigrationAddress{}, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return MigrationAddress{}, fmt.Errorf("port %.20q is no number from 0 to 65535", port)
	}
	if text == "" {
		return MigrationAddress{}, fmt.Errorf("it is empty; write it as HOST, HOST:PORT, [IPV6]:PORT or unix:PATH")
	}
	return MigrationAddress{Network: "tcp", Address: net.JoinHostPort(host, strconv.FormatUint(number, 10))}, nil
}

func bracketed(text string) (string, bool) {
	inner, open := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	return inner, open && closed
}

// isIPv6 is for an address with or without a zone.
func isIPv6(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Is6() && !strings.ContainsFunc(a.Zone(), foreign)
}

// foreign is what stands in no host's name, and in no zone.
func foreign(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\@"'[]:%`, r) }

// checkHost refuses what is neither a name nor an address. Whether there is such a
// host the resolver knows.
func checkHost(host string) error {
	if isIPv6(host) {
		return nil
	}
	if host == "unix" { // "unix:8476" would be a socket
		return fmt.Errorf("a socket has to be unix:PATH")
	}
	if len(host) > maxHost || strings.ContainsFunc(host, foreign) {
		return fmt.Errorf("%.80q is neither a host's name nor its address", host)
	}
	return nil
}
