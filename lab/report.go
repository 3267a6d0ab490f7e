package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hullvm/hull/agent"
)

// How a report looks at a host that hangs.
const (
	reportTime     = 40 * time.Second // for the whole
	sampleCount    = 8                // of the processors' registers
	sampleInterval = 100 * time.Millisecond
	maxReportPart  = 256 << 10 // bytes from within the host
)

// insideScript prints, from within a host, what KVM counted, twice, and where
// the threads that run guests are. Everything goes to standard output.
const insideScript = `
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo "-- up: $(cat /proc/uptime), load: $(cat /proc/loadavg)"
counters() {
	for d in /sys/kernel/debug/kvm/*-*; do
		[ -d "$d" ] || continue
		for f in "$d"/* "$d"/vcpu*/*; do
			[ -f "$f" ] || continue
			v=$(cat "$f" 2>/dev/null) || continue
			case $v in 0|"") ;; *[!0-9]*) ;; *) echo "${f#/sys/kernel/debug/kvm/} $v" ;; esac
		done
	done
}
one=$(counters)
sleep 1
two=$(counters)
echo "-- kvm counters, and their change within a second:"
{ echo "$one"; echo "=="; echo "$two"; } | awk '
	/^==$/ { second = 1; next }
	NF != 2 { next }
	!second { was[$1] = $2; next }
	{ d = $2 - was[$1]; printf "%-44s %12s %+d\n", $1, $2, d }'
echo "-- threads of processes that use kvm:"
for p in /proc/[0-9]*; do
	ls -l "$p/fd" 2>/dev/null | grep -q 'anon_inode:kvm' || continue
	echo "process ${p#/proc/}: $(tr '\0' ' ' <"$p/cmdline")"
	for t in "$p"/task/*; do
		set -- $(sed 's/.*) //' "$t/stat" 2>/dev/null)
		echo "  thread ${t##*/} $(cat "$t/comm"): state $1, user $12, system $13 ticks, in $(cat "$t/wchan" 2>/dev/null)"
		sed 's/^/      /' "$t/stack" 2>/dev/null
	done
done
echo "-- the kernel's last words:"
dmesg 2>/dev/null | tail -n 30
`

// report collects what is known of a host in which something hangs: the
// processors' registers as the emulator has them, sampled, with the symbols of
// the host's kernel, and from within what KVM counts and where the threads of
// monitors are. It is one block of text.
func (k *keeper) report(ctx context.Context, why string) string {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	var b strings.Builder
	fmt.Fprintf(&b, "==== lab host %q: report: %s ====\n", k.spec.Name, why)
	fmt.Fprintf(&b, "%s; %d processors, thread=%s, %d MiB, kernel %s; emulator %s\n", time.Now().UTC().Format(time.RFC3339),
		k.spec.CPUs, k.spec.Threads, k.spec.Memory, k.spec.Release, k.record.Emulator.Remark)
	symbols := k.symbols(ctx)
	b.WriteString(sampleText(k.samples(ctx), symbols))
	b.WriteString(k.registers(ctx))
	inside, err := capture(ctx, agentSpawner{k.client}, "/bin/sh", "-c", insideScript)
	b.WriteString(inside)
	if err != nil {
		fmt.Fprintf(&b, "from within the host: %v\n", err)
	}
	fmt.Fprintf(&b, "==== end of the report ====\n")
	return b.String()
}

// registers are the processors' as the emulator prints them. While a processor
// runs a guest of the host, they are that guest's.
func (k *keeper) registers(ctx context.Context) string {
	m, err := dialMonitor(ctx, k.dir)
	if err != nil {
		return err.Error() + "\n"
	}
	defer m.close()
	text, err := m.human(ctx, "info registers -a")
	if err != nil {
		return err.Error() + "\n"
	}
	return "-- registers:\n" + withoutVectors(text) + "\n"
}

// withoutVectors drops the floating point and vector registers.
func withoutVectors(text string) string {
	var keep []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r ")
		if strings.HasPrefix(line, "FPR") || strings.HasPrefix(line, "XMM") || strings.HasPrefix(line, "YMM") {
			continue
		}
		keep = append(keep, line)
	}
	return strings.Join(keep, "\n")
}

// samples reads the processors' registers several times in short intervals.
func (k *keeper) samples(ctx context.Context) []string {
	m, err := dialMonitor(ctx, k.dir)
	if err != nil {
		return nil
	}
	defer m.close()
	var texts []string
	for range sampleCount {
		text, err := m.human(ctx, "info registers -a")
		if err != nil {
			break
		}
		texts = append(texts, text)
		select {
		case <-ctx.Done():
			return texts
		case <-time.After(sampleInterval):
		}
	}
	return texts
}

// symbols are those of the host's kernel, or none.
func (k *keeper) symbols(ctx context.Context) *symbolTable {
	ctx, cancel := context.WithTimeout(ctx, reportTime/4)
	defer cancel()
	var out cappedBuffer
	out.limit = maxKallsyms
	p, err := agentSpawner{k.client}.Spawn(ctx, agent.Command{
		Args: []string{"/bin/cat", "/proc/kallsyms"}, Stdout: &out, KillOnDisconnect: true,
	})
	if err != nil {
		return nil
	}
	if _, err := p.Wait(ctx); err != nil {
		return nil
	}
	return parseKallsyms(&out)
}

// capture runs a program in the host and returns the beginning of its output.
func capture(ctx context.Context, s spawner, args ...string) (string, error) {
	out := cappedBuffer{limit: maxReportPart}
	p, err := s.Spawn(ctx, agent.Command{
		Args: args, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Stdout: &out, Stderr: &out, KillOnDisconnect: true, KillLeft: true,
	})
	if err == nil {
		_, err = p.Wait(ctx)
	}
	return out.String(), err
}

// cappedBuffer keeps the first limit bytes of what is written.
type cappedBuffer struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	limit int
}

func (c *cappedBuffer) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf.Write(p[:min(len(p), c.limit-c.buf.Len())])
	return len(p), nil
}

func (c *cappedBuffer) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// Read is for a parser, when nothing is written any more.
func (c *cappedBuffer) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buf.Len() == 0 {
		return 0, io.EOF
	}
	return c.buf.Read(p)
}
