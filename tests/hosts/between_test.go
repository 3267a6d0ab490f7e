package hosts

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/tests/guestload"
)

var (
	names  = flag.String("hosts", "", "the two lab `hosts`, on one network, with a comma in between")
	rounds = flag.Int("rounds", 2, "how often the machine moves; 0 has it only boot")
	kernel = flag.String("kernel", "debian-cloud", "the `bundle` that the guest boots")
)

const guestAddress = "10.213.0.200" // hosts have the lowest

// TestBetweenHosts moves a machine under load between two lab hosts, to and fro. It has no
// disks: what a lab host writes only it sees.
func TestBetweenHosts(t *testing.T) {
	a, b, found := strings.Cut(*names, ",")
	if !found {
		guesttest.Missing(t, "two lab hosts (-hosts): run scripts/migration-hosts.sh")
	}
	programs := os.Getenv("HULL_PROGRAMS")
	if programs == "" {
		t.Fatal("HULL_PROGRAMS is not set: run scripts/migration-hosts.sh")
	}
	base := t.TempDir() // the hosts see it
	text := machine(t, base)
	hosts := []*host{newHost(t, filepath.Join(programs, "hull"), a), newHost(t, filepath.Join(programs, "hull"), b)}
	for _, h := range hosts {
		h.prepare(programs, guest.DirsFromEnv(os.Getenv).Kernels)
	}
	from, to := hosts[0], hosts[1]
	if status, out := from.try("hull migrate --help | grep -q 'hull migrate'"); status != 0 && *rounds > 0 {
		t.Fatalf("hull has no command migrate: live migration is not built into it (make build)\n%s", out)
	}
	from.do("hull create --name box " + text)
	from.do("hull start box")
	v := guestload.NewVisitor(t, "box", make(guestload.Answers), func(port int) (net.Conn, error) {
		return hosts[0].dial(fmt.Sprintf("%s:%d", guestAddress, port))
	})
	first := v.Await("the load answers", func(*guestload.Report) string { return "" })
	v.Talk()
	for i := range *rounds {
		before := v.Do("spin on")
		to.do("hull receive --listen 0.0.0.0:8476 --plaintext >/tmp/receive.log 2>&1 &")
		to.await("it waits for a machine", "grep -q 'listening on' /tmp/receive.log")
		report := from.do(fmt.Sprintf("hull migrate box --to %s:8476 --plaintext", to.name))
		stood := time.Duration(v.Do("spin off").Gap)
		t.Logf("move %d, %s to %s: the guest stood still for %v\n%s", i, from.name, to.name, stood, report)
		if got := to.do("hull ps --format '{{.Names}} {{.State}}'"); got != "box running" {
			t.Errorf("host %s lists %q", to.name, got)
		}
		if got := from.do("hull ps -a --format '{{.Names}} {{.State}}'"); got != "" {
			t.Errorf("host %s still lists %q", from.name, got)
		}
		from.await("no monitor is left", "! pidof hull-vmm hull-supervisor")
		since := v.Do("check")
		if since.Nonce != first.Nonce || since.Uptime <= before.Uptime {
			t.Errorf("nonce %s and %s, uptime %v and %v: this is not the machine that it was", first.Nonce, since.Nonce, before.Uptime, since.Uptime)
		}
		select {
		case err := <-v.Lost:
			t.Errorf("the stream into the guest has ended: %v", err)
		default:
		}
		v.GoesOn(since)
		v.Dated()
		if c := guesttest.Complaints(t, to.do("hull exec box sh -c 'dmesg --level=emerg,alert,crit,err,warn'")); c != "" {
			t.Errorf("the guest's kernel complains:\n%s", c)
		}
		if t.Failed() {
			t.FailNow()
		}
		from, to = to, from
	}
	v.HangUp()
	from.do("hull stop box && hull rm box")
}

// prepare gives a host a home for instances, and puts its place on the network of the lab
// on a bridge, where guests can be too.
func (h *host) prepare(programs, kernels string) {
	h.t.Helper()
	h.do(fmt.Sprintf("export PATH=%s:$PATH HULL_PROGRAMS=%s HULL_HOME=/run/home HULL_RUN_DIR=/run/instances HULL_CACHE_DIR=/run/cache", programs, programs))
	h.do("rm -rf /run/home && mkdir -p /run/home && ln -s " + kernels + " /run/home/kernels")
	h.do(`if ! ip link show lan 2>/dev/null; then
	address=$(ip -4 -br address show dev lab0 | awk '{print $3}')
	[ -n "$address" ] && ip link add lan type bridge && ip address flush dev lab0 &&
	ip link set lab0 master lan && ip link set lan up && ip address add "$address" dev lan
fi`)
}

// machine writes a machine file, with the load in the guest's first file system.
func machine(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "box.toml")
	text := fmt.Sprintf(`
[cpu]
count = 2
[memory]
size = "192MiB"
[boot]
kernel = %q
[[net]]
name = "lan"
type = "tap"
tap = "tap0"
bridge = "lan"
address = "%s/24"
[rng]
enabled = true
[[init.files]]
path = "/bin/%s"
source = %q
mode = "0755"
[init]
exec = ["/bin/%s", "load", "7", "8", "-", ""]
`, *kernel, guestAddress, guestload.Program, self, guestload.Program)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
