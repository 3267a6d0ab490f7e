package machine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
)

// holdings are what a process holds that does not go by itself.
type holdings struct {
	goroutines  int
	descriptors []string
	children    []string
}

func held(t testing.TB) holdings {
	t.Helper()
	h := holdings{goroutines: runtime.NumGoroutine()}
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil { // Glob's own is gone
			h.descriptors = append(h.descriptors, to)
		}
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stats {
		b, err := os.ReadFile(s)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent: the name may hold anything (proc(5)).
		rest := b[bytes.LastIndexByte(b, ')')+1:]
		if f := strings.Fields(string(rest)); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			h.children = append(h.children, string(b[:len(b)-len(rest)]))
		}
	}
	return h
}

// nothingLeft waits until no more is held than before.
func nothingLeft(t testing.TB, before holdings) {
	t.Helper()
	var now holdings
	more := func() bool {
		now = held(t)
		return now.goroutines > before.goroutines || len(now.descriptors) > len(before.descriptors) || len(now.children) > len(before.children)
	}
	for range 100 { // what is ending ends
		if !more() {
			return
		}
		runtime.Gosched()
		runtime.GC()
	}
	var stacks bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	t.Errorf("goroutines: %d, before %d\ndescriptors: %q\nbefore %q\nprocesses: %q, before %q\n%s",
		now.goroutines, before.goroutines, now.descriptors, before.descriptors, now.children, before.children,
		fmt.Sprintf("%.20000s", stacks.String()))
}
