package commands

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// More machines are for a flag: these are what fits between two commits.
var machines = flag.Int("machines", 4, "how many machines TestMany has live at once")

// await waits until a command prints what it should.
func (h *host) await(command, want string) {
	h.t.Helper()
	var out string // the command may fail until then
	for end := time.Now().Add(commandTime); ; time.Sleep(200 * time.Millisecond) {
		if out, _ = h.sh(command); strings.TrimSpace(out) == want {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s prints %q, not %q", command, out, want)
		}
	}
}

func (h *host) pid(which, ref string) int {
	h.t.Helper()
	pid, err := strconv.Atoi(h.must("hull inspect --format '{{.State." + which + "}}' " + ref))
	if err != nil {
		h.t.Fatal(err)
	}
	return pid
}

// TestEndsThatNobodyAskedFor looks how ends of real monitors are told apart.
func TestEndsThatNobodyAskedFor(t *testing.T) {
	h := newHost(t)
	h.write("box.toml", quiet)
	const end = "hull inspect --format '{{.State.Exit.Reason}} {{.State.Exit.Code}}' "

	t.Run("a crash, and the next start", func(t *testing.T) {
		h.must("hull boot -d --name crash --restart on-failure:1 box.toml")
		if err := unix.Kill(h.pid("Monitor", "crash"), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		h.await("hull inspect --format '{{.State.Status}} {{.State.Restarts}}' crash", "running 1")
		h.must("hull exec crash true")
		if err := unix.Kill(h.pid("Monitor", "crash"), unix.SIGSYS); err != nil {
			t.Fatal(err)
		}
		h.await(end+"crash", "monitor crash 124")
	})
	t.Run("a supervisor that is lost", func(t *testing.T) {
		h.must("hull boot -d --name lost --restart always box.toml")
		monitor := h.pid("Monitor", "lost")
		if err := unix.Kill(h.pid("Supervisor", "lost"), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		h.await(end+"lost", "lost 137")
		h.await(fmt.Sprintf("[ -d /proc/%d ] || echo gone", monitor), "gone")
		h.must("hull recover")
		h.must("hull exec lost true")
		h.must("hull stop lost")
	})
	t.Run("out of memory", func(t *testing.T) {
		// The kernel is told of a smaller limit than any that hull would take.
		h.must("hull boot -d --name thirsty --memory-limit 512MiB box.toml && hull exec thirsty true")
		h.must("echo 32M > $(hull inspect --format '{{.State.Cgroup}}' thirsty)/memory.max")
		h.await(end+"thirsty", "out of memory 137")
	})
	t.Run("a guest that panics", func(t *testing.T) {
		h.must("hull boot -d --name panics box.toml")
		_, _ = h.sh("timeout 60 hull exec panics sh -c 'echo c > /proc/sysrq-trigger'")
		h.await(end+"panics", "guest panic 121")
	})
	t.Run("a quota of the processor", func(t *testing.T) {
		h.must("hull boot -d --name busy box.toml")
		h.must("hull exec -d busy sh -c 'while true; do true; done'")
		cpu := func() int {
			n, err := strconv.Atoi(h.must("grep usage_usec $(hull inspect --format '{{.State.Cgroup}}' busy)/cpu.stat | cut -d' ' -f2"))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		h.must("hull update --cpus 0.2 busy")
		time.Sleep(2 * time.Second) // what it had saved is used up
		before, at := cpu(), time.Now()
		time.Sleep(5 * time.Second)
		used, took := cpu()-before, time.Since(at)
		// It is told to the kernel, which keeps to it: on average, not to the moment.
		if share := float64(used) / float64(took.Microseconds()); share > 0.4 {
			t.Errorf("it has used %.2f of a processor, with a quota of 0.2", share)
		}
	})
}

// TestMany has machines live at once, each of which answers.
func TestMany(t *testing.T) {
	h := newHost(t)
	h.write("small.toml", strings.Replace(quiet, "128MiB", "96MiB", 1))
	places := make(chan struct{}, 4) // so many start at a time
	var starts sync.WaitGroup
	began := time.Now()
	for i := range *machines {
		starts.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			one := &host{t: t, dir: h.dir, env: h.env}
			if out, err := one.sh(fmt.Sprintf("hull boot -d --name m%d small.toml && hull exec m%d hostname", i, i)); err != nil || one.status != 0 {
				t.Errorf("machine %d: status %d, %v\n%s", i, one.status, err, out)
			}
		})
	}
	starts.Wait()
	t.Logf("%d machines have answered after %v", *machines, time.Since(began).Round(time.Second))
	if got := h.must("hull ps -q | wc -l"); got != strconv.Itoa(*machines) {
		t.Errorf("%s of %d live", got, *machines)
	}
	for i := range *machines {
		if out := h.must(fmt.Sprintf("hull exec m%d hostname", i)); out != fmt.Sprintf("m%d", i) {
			t.Errorf("machine %d says it is %q", i, out)
		}
	}
}
