package netd

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// ResolvConf names the host's name servers (resolv.conf(5)).
const ResolvConf = "/etc/resolv.conf"

// Limits of what is read of it.
const (
	maxConf    = 64 << 10 // bytes
	maxServers = 3        // as glibc has
)

// confEvery is how long what was read of the file is taken for what it says.
const confEvery = 5 * time.Second

// dnsRetry is how long a name server may leave queries unanswered.
const dnsRetry = 2 * time.Second

// resolver chooses among the host's name servers: the one that answered last, or
// the next one after one that did not.
type resolver struct {
	path string

	mu      sync.Mutex
	servers []netip.AddrPort
	next    int       // index in servers, which has one at least
	asked   time.Time // when the first query was that is unanswered, or zero
	read    time.Time // when the file was read
	text    []byte
}

// newResolver reads the file, which may not be there: a name server of the host's
// own is asked then.
func newResolver(path string) (*resolver, error) {
	r := &resolver{path: path}
	if err := r.update(time.Now()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(r.servers) == 0 {
		r.servers = parseServers(nil)
	}
	return r, nil
}

// ask is the name server that a query goes to now. It is another one where this
// one has not answered any for dnsRetry.
func (r *resolver) ask(now time.Time) netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.read) >= confEvery {
		// What was read before stands where the file cannot be read any more.
		_ = r.update(now)
	}
	switch {
	case r.asked.IsZero():
		r.asked = now
	case now.Sub(r.asked) >= dnsRetry:
		r.next, r.asked = (r.next+1)%len(r.servers), now
	}
	return r.servers[r.next]
}

// answered notes that a server answers.
func (r *resolver) answered(server netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.servers[r.next] == server {
		r.asked = time.Time{}
	}
}

// update reads the file. Its callers hold mu, or are alone.
func (r *resolver) update(now time.Time) error {
	r.read = now
	text, err := readConf(r.path)
	if err != nil {
		return err
	}
	if r.servers == nil || !bytes.Equal(text, r.text) {
		r.text, r.servers, r.next, r.asked = text, parseServers(text), 0, time.Time{}
	}
	return nil
}

func readConf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, maxConf)
	n := 0
	for n < len(buf) {
		got, err := f.Read(buf[n:])
		n += got
		if err != nil || got == 0 {
			break
		}
	}
	return buf[:n], nil
}

// parseServers finds the name servers.
func parseServers(text []byte) []netip.AddrPort {
	var found []netip.AddrPort
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" || len(found) == maxServers {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil {
			found = append(found, netip.AddrPortFrom(a.Unmap(), dnsPort))
		}
	}
	if len(found) == 0 {
		found = append(found, netip.AddrPortFrom(loopback, dnsPort))
	}
	return found
}

// isQuery reports whether a message may go to the host's name server: an ordinary
// question. The server may listen for the host alone, and trust it with more than
// a guest should have: to change a zone, or to read it whole.
func isQuery(message []byte) bool {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || h.Response || h.OpCode != 0 {
		return false
	}
	q, err := p.Question()
	if err != nil {
		return false
	}
	if _, err := p.Question(); !errors.Is(err, dnsmessage.ErrSectionDone) {
		return false
	}
	return q.Type != typeIXFR && q.Type != dnsmessage.TypeAXFR
}

// typeIXFR asks for what changed in a zone (RFC 1995).
const typeIXFR dnsmessage.Type = 251
