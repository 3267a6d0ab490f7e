package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

const (
	hostsFile    = "/etc/hosts"
	maxHostsFile = 64 << 10 // bytes of the machine's own that are kept
)

// names lets a host know the others of its network by their names.
type names struct {
	state, network string

	mu   sync.Mutex
	told []byte // what was written last
}

// tell writes the host's /etc/hosts, where it is to be another than was written last.
func (n *names) tell(ctx context.Context, s spawner) {
	text := hosts(members(n.state, n.network), machineHosts())
	n.mu.Lock()
	defer n.mu.Unlock()
	if bytes.Equal(text, n.told) {
		return
	}
	const script = `cat >/etc/hosts.lab && chmod 644 /etc/hosts.lab && mv /etc/hosts.lab /etc/hosts`
	p, err := s.Spawn(ctx, agent.Command{
		Args: []string{"/bin/sh", "-c", script}, KillOnDisconnect: true, Stdin: bytes.NewReader(text),
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
	})
	if err != nil {
		return // the command itself will say it
	}
	if exit, err := p.Wait(ctx); err == nil && exit.Code == 0 && exit.Signal == 0 {
		n.told = text
	} else {
		fmt.Fprintf(os.Stderr, "%s of the host: write: %v, %v\n", hostsFile, exit, err)
	}
}

// hosts is a host's /etc/hosts: the members of its network, and then what the machine
// knows.
func hosts(members map[int]string, machine string) []byte {
	var b bytes.Buffer
	b.WriteString("127.0.0.1\tlocalhost\n")
	for _, number := range slices.Sorted(maps.Keys(members)) {
		fmt.Fprintf(&b, "%v\t%s\n", addressOf(number), members[number])
	}
	b.WriteString(machine)
	return b.Bytes()
}

// machineHosts is the machine's own file, or nothing.
func machineHosts() string {
	f, err := os.OpenFile(hostsFile, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxHostsFile {
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(f, maxHostsFile))
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\n") + "\n"
}
