package measure

import (
	"os"
	"strings"
	"testing"
)

// smapsOfHull is what a monitor of 128 MiB has, in short.
const smapsOfHull = `00400000-00675000 r-xp 00000000 00:1b 20644723                           /usr/bin/hull vmm (deleted)
Size:               2516 kB
Rss:                2448 kB
Pss:                1224 kB
Pss_Dirty:             0 kB
Private_Clean:         0 kB
Private_Dirty:         0 kB
VmFlags: rd ex mr mw me sd 
00675000-0095d000 r--p 00275000 00:1b 20644723                           /usr/bin/hull vmm (deleted)
Rss:                2960 kB
Pss:                1480 kB
0095d000-00974000 rw-p 0055d000 00:1b 20644723                           /usr/bin/hull vmm (deleted)
Rss:                  92 kB
Pss:                  92 kB
Private_Clean:        52 kB
Private_Dirty:        40 kB
00974000-029c0000 rw-p 00000000 00:00 0 
Rss:                  88 kB
Pss:                  88 kB
Private_Dirty:        88 kB
5f744800000-5f744c00000 rw-p 00000000 00:00 0 
Rss:                3680 kB
Pss:                3680 kB
Private_Dirty:      3680 kB
THPeligible:    1
5f744c00000-5f748800000 ---p 00000000 00:00 0 
Rss:                   0 kB
Pss:                   0 kB
7f26ad800000-7f26b5800000 rw-p 00000000 00:00 0 
Size:             131072 kB
Rss:               90112 kB
Pss:               90112 kB
Private_Dirty:     90112 kB
7f26b58ca000-7f26b58cd000 rw-s 00000000 00:0e 49                         anon_inode:kvm-vcpu:0
Rss:                   8 kB
Pss:                   8 kB
Private_Dirty:         8 kB
7f26b58cd000-7f26b5acd000 rw-p 00000000 00:00 0                          [anon: Go: runtime]
Rss:                 416 kB
Pss:                 416 kB
Private_Dirty:       416 kB
7ffc95bd9000-7ffc95bfa000 rw-p 00000000 00:00 0                          [stack]
Rss:                  12 kB
Pss:                  12 kB
Private_Dirty:        12 kB
7ffc95bfe000-7ffc95c00000 r-xp 00000000 00:00 0                          [vdso]
Rss:                   4 kB
Pss:                   0 kB
`

func TestSmapsAreReadWhole(t *testing.T) {
	all, err := ParseSmaps(smapsOfHull)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 11 {
		t.Fatalf("%d mappings, want 11", len(all))
	}
	want := Mapping{Start: 0x95d000, End: 0x974000, Perms: "rw-p", Name: "/usr/bin/hull vmm (deleted)", RSS: 92 << 10, PSS: 92 << 10, Private: 92 << 10}
	if all[2] != want {
		t.Errorf("got %+v, want %+v", all[2], want)
	}
	if all[3].Name != "" || all[8].Name != "[anon: Go: runtime]" || !all[3].Anonymous() || !all[8].Anonymous() || all[7].Anonymous() {
		t.Errorf("names are wrong: %+v, %+v, %+v", all[3], all[7], all[8])
	}
}

func TestAMonitorsMemoryIsSplit(t *testing.T) {
	all, err := ParseSmaps(smapsOfHull)
	if err != nil {
		t.Fatal(err)
	}
	got := SplitOf(all, 128<<20)
	want := Split{
		Program: 2704 << 10, Data: 180 << 10, Heap: 3680 << 10, Other: 428 << 10, KVM: 8 << 10,
		Private: (92 + 88 + 3680 + 8 + 416 + 12) << 10, Guest: 90112 << 10, GuestPrivate: 90112 << 10,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if total := got.Total(); total != 7000<<10 {
		t.Errorf("in all %d KiB, want 7000", total>>10)
	}
}

func TestAGuestsMemoryIsFoundInSharedMemoryAndInPieces(t *testing.T) {
	all, err := ParseSmaps(`7f0000000000-7f0004000000 rw-s 00000000 00:01 7      /memfd:hull (deleted)
Pss: 100 kB
7f0005000000-7f0009000000 rw-p 00000000 00:00 0
Pss: 200 kB
7f000a000000-7f000a021000 rw-p 00000000 00:00 0
Pss: 4 kB
7f000b000000-7f000c000000 rw-s 00000000 00:01 8      /memfd:small (deleted)
Pss: 8 kB
`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := SplitOf(all, 128<<20), (Split{Guest: 300 << 10, Other: 4 << 10, Shared: 8 << 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBadSmapsAreRefused(t *testing.T) {
	const head = "1000-2000 rw-p 0 00:00 0\n"
	for name, text := range map[string]string{
		"nothing":             "",
		"no mapping":          "nothing",
		"a count before":      "Pss: 1 kB\n" + head,
		"no end":              "1000 rw-p 0 00:00 0\n",
		"no number":           "x-2000 rw-p 0 00:00 0\n",
		"a range upside down": "2000-1000 rw-p 0 00:00 0\n",
		"too few words":       "1000-2000 rw-p 0\n",
		"no unit":             head + "Pss: 1\n",
		"no count":            head + "Pss: x kB\n",
		"a negative count":    head + "Rss: -1 kB\n",
		"more than there is":  head + "Private_Dirty: 99999999999999 kB\n",
		"an empty line":       head + "\n",
	} {
		if all, err := ParseSmaps(text); err == nil {
			t.Errorf("%s: became %+v", name, all)
		}
	}
}

// The sums are taken again by another way: of all lines of a name.
func FuzzParseSmaps(f *testing.F) {
	f.Add(smapsOfHull)
	f.Add("1000-2000 rw-p 0 00:00 0\nPss: 1 kB\n")
	f.Add("0-ffffffffffffffff rw-s 0 00:00 0  /dev/kvm\nPrivate_Hugetlb: 7 kB\n")
	if own, err := os.ReadFile("/proc/self/smaps"); err == nil {
		f.Add(string(own))
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseSmaps(text)
		if err != nil {
			return
		}
		var rss, pss int64
		for _, m := range all {
			if m.Start >= m.End || m.RSS < 0 || m.PSS < 0 || m.Private < 0 {
				t.Fatalf("a mapping is %+v", m)
			}
			rss, pss = rss+m.RSS, pss+m.PSS
		}
		if s := SplitOf(all, 128<<20); s.Total()+s.Guest != pss {
			t.Errorf("the parts are %d and %d bytes, the whole is %d", s.Total(), s.Guest, pss)
		}
		if want := slowSum(text, "Rss:"); rss != want {
			t.Errorf("%d bytes are in memory, the lines say %d", rss, want)
		}
	})
}

func slowSum(text, name string) int64 {
	var sum int64
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.Split(line, " ")
		if words[0] != name {
			continue
		}
		var kib int64
		for _, w := range words[1:] {
			if isNumber(w) {
				for _, c := range w {
					kib = kib*10 + int64(c-'0')
				}
			}
		}
		sum += kib * 1024
	}
	return sum
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func TestOwnMemoryIsAccountedFor(t *testing.T) {
	s, err := Memory(os.Getpid(), 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	if s.Program == 0 || s.Data == 0 || s.Heap == 0 || s.Other == 0 || s.Guest != 0 || s.Private <= 0 {
		t.Errorf("this process has %+v", s)
	}
	if n, err := Overhead(os.Getpid(), 1<<40); err != nil || n <= 0 {
		t.Errorf("overhead %d, %v", n, err)
	}
}

// smapsOfRestored is what a monitor has whose guest's 64 MiB began as a file, and
// that gave some of it back.
const smapsOfRestored = `00400000-00675000 r-xp 00000000 00:1b 20644723                           /usr/bin/hull-vmm
Pss:                1000 kB
0095d000-00974000 rw-p 0055d000 00:1b 20644723                           /usr/bin/hull-vmm
Pss:                  20 kB
Private_Dirty:        20 kB
00974000-029c0000 rw-p 00000000 00:00 0 
Pss:                  88 kB
Private_Dirty:        88 kB
7f26ad800000-7f26b0800000 rw-p 00000000 00:20 77                         /snapshots/golden/memory
Pss:               10000 kB
Private_Dirty:      3000 kB
7f26b0800000-7f26b0900000 rw-p 00000000 00:00 0 
Pss:                 512 kB
Private_Dirty:       512 kB
7f26b0900000-7f26b1800000 rw-p 03100000 00:20 77                         /snapshots/golden/memory
Pss:                 100 kB
7f26b1800000-7f26b1900000 r--p 00000000 00:00 0 
Pss:                   7 kB
`

func TestMemoryThatBeganAsAFileIsTheGuests(t *testing.T) {
	all, err := ParseSmaps(smapsOfRestored)
	if err != nil {
		t.Fatal(err)
	}
	s := SplitOf(all, 64<<20)
	want := Split{Program: 1000 << 10, Data: 108 << 10, Other: 7 << 10, Private: 108 << 10, Guest: 10612 << 10, GuestPrivate: 3512 << 10}
	if s != want {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}
