package lab

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

const (
	maxKallsyms = 32 << 20 // bytes; a distribution's kernel has 8 million
	maxSymbols  = 1 << 20
)

// symbolTable finds the name of a kernel address.
type symbolTable struct {
	at    []uint64 // sorted
	names []string // with the module, as in "svm_vcpu_run [kvm_amd]"
}

// parseKallsyms reads /proc/kallsyms as far as it makes sense.
func parseKallsyms(r io.Reader) *symbolTable {
	type symbol struct {
		at   uint64
		name string
	}
	var list []symbol
	in := bufio.NewScanner(r)
	for in.Scan() && len(list) < maxSymbols {
		f := strings.Fields(in.Text())
		if len(f) < 3 {
			continue
		}
		at, err := strconv.ParseUint(f[0], 16, 64)
		if err != nil || at < 1<<32 { // per-CPU offsets, or addresses hidden as zero
			continue
		}
		if !strings.ContainsAny(f[1], "tTwW") {
			continue
		}
		list = append(list, symbol{at, strings.Join(f[2:], " ")})
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].at < list[j].at })
	t := &symbolTable{}
	for _, s := range list {
		t.at = append(t.at, s.at)
		t.names = append(t.names, s.name)
	}
	return t
}

// name is symbol+offset, or "" where the table has none near.
func (t *symbolTable) name(at uint64) string {
	if t == nil {
		return ""
	}
	i := sort.Search(len(t.at), func(i int) bool { return t.at[i] > at }) - 1
	if i < 0 || at-t.at[i] > 1<<20 {
		return ""
	}
	return fmt.Sprintf("%s+%#x", t.names[i], at-t.at[i])
}

var (
	cpuLine = regexp.MustCompile(`(?m)^CPU#(\d+)`)
	ripText = regexp.MustCompile(`\b[RE]IP=([0-9a-f]{8,16})`)
	hflText = regexp.MustCompile(`\bHLT=(\d)`)
	cplText = regexp.MustCompile(`\bCPL=(\d)`)
)

// place is where a processor was in a sample.
type place struct {
	rip    uint64
	cpl    string
	halted bool
}

// places takes the processors' out of what the emulator prints for "info
// registers -a".
func places(text string) map[int]place {
	found := make(map[int]place)
	heads := cpuLine.FindAllStringSubmatchIndex(text, -1)
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		part := text[h[0]:end]
		cpu, err := strconv.Atoi(text[h[2]:h[3]])
		rip := ripText.FindStringSubmatch(part)
		if err != nil || rip == nil {
			continue
		}
		at, err := strconv.ParseUint(rip[1], 16, 64)
		if err != nil {
			continue
		}
		p := place{rip: at}
		if m := cplText.FindStringSubmatch(part); m != nil {
			p.cpl = m[1]
		}
		if m := hflText.FindStringSubmatch(part); m != nil {
			p.halted = m[1] == "1"
		}
		found[cpu] = p
	}
	return found
}

// sampleText says where each processor was in the samples, most frequent
// first. The symbols are the host kernel's: an address of one of its guests has
// them too where that runs the same kernel at its linked address (nokaslr).
func sampleText(samples []string, symbols *symbolTable) string {
	if len(samples) == 0 {
		return ""
	}
	counts := make(map[int]map[place]int)
	for _, text := range samples {
		for cpu, p := range places(text) {
			if counts[cpu] == nil {
				counts[cpu] = make(map[place]int)
			}
			counts[cpu][p]++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "-- where the processors were in %d samples:\n", len(samples))
	for _, cpu := range slices.Sorted(maps.Keys(counts)) {
		seen := slices.SortedFunc(maps.Keys(counts[cpu]), func(x, y place) int {
			if d := counts[cpu][y] - counts[cpu][x]; d != 0 {
				return d
			}
			return strings.Compare(fmt.Sprint(x), fmt.Sprint(y))
		})
		for _, p := range seen {
			note := symbols.name(p.rip)
			if p.halted {
				note += " (halted)"
			}
			fmt.Fprintf(&b, "processor %d: %d times at %#016x, ring %s %s\n", cpu, counts[cpu][p], p.rip, p.cpl, note)
		}
	}
	return b.String()
}
