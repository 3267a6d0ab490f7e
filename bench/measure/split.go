package measure

import "strings"

// Split is a monitor's memory beside the guest's, by what it is for: proportional
// set sizes in bytes.
type Split struct {
	Program int64 // code and constants of the program and its libraries
	Data    int64 // their variables
	Heap    int64 // C's, or Go's, which has the stacks of goroutines and threads too
	Other   int64 // memory of no file beside the heap: runtimes, allocators, stacks
	KVM     int64 // pages shared with KVM, one to three for each virtual CPU
	Shared  int64 // all else: shared memory, devices

	Private int64 // of all that, what would be free without this process
	Guest   int64 // the guest's memory, which is in none of the others
}

// Total is the memory beside the guest's.
func (s *Split) Total() int64 { return s.Program + s.Data + s.Heap + s.Other + s.KVM + s.Shared }

// SplitOf tells a monitor's own memory from the guest's, of which there is so much
// (in bytes).
func SplitOf(mappings []Mapping, memory int64) Split {
	var s Split
	for i := range mappings {
		m := &mappings[i]
		behindFile := i > 0 && mappings[i-1].End == m.Start && mappings[i-1].File()
		if isGuest(m, behindFile, memory) {
			s.Guest += m.PSS
			continue
		}
		s.Private += m.Private
		*s.part(m, behindFile) += m.PSS
	}
	return s
}

// isGuest knows the guest's memory by its size: a quarter of it or more in one piece,
// which can be written. No monitor's own mappings are as large and in use, but for
// those of a program's variables behind its file.
func isGuest(m *Mapping, behindFile bool, memory int64) bool {
	return m.Size() >= uint64(memory)/4 && strings.HasPrefix(m.Perms, "rw") && !m.File() && !behindFile
}

func (s *Split) part(m *Mapping, behindFile bool) *int64 {
	writable := strings.HasPrefix(m.Perms, "rw")
	switch {
	case m.File() && !writable:
		return &s.Program
	case m.File(), m.Anonymous() && behindFile && writable:
		return &s.Data
	case strings.HasPrefix(m.Name, "anon_inode:kvm"), m.Name == "/dev/kvm":
		return &s.KVM
	case m.Name == "[heap]", strings.HasPrefix(m.Name, "[anon: Go: heap"), isGoHeap(m):
		return &s.Heap
	case m.Anonymous(), strings.HasPrefix(m.Name, "[stack"):
		return &s.Other
	default:
		return &s.Shared
	}
}

// isGoHeap knows Go's heap, where the kernel does not name it: it begins at a
// multiple of 4 MiB and grows by such.
func isGoHeap(m *Mapping) bool {
	const chunk = 4 << 20
	return m.Name == "" && m.Perms == "rw-p" && m.Start%chunk == 0 && m.Size()%chunk == 0
}
