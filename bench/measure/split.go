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

	// GuestPrivate is what of the guest's memory no other process has: of a clone,
	// what it has for itself.
	GuestPrivate int64
}

// Total is the memory beside the guest's.
func (s *Split) Total() int64 { return s.Program + s.Data + s.Heap + s.Other + s.KVM + s.Shared }

// SplitOf tells a monitor's own memory from the guest's, of which there is so much
// (in bytes).
func SplitOf(mappings []Mapping, memory int64) Split {
	var s Split
	images := imagesOf(mappings, memory)
	afterImage := false // the one before is a part of an image, or stands in its place
	for i := range mappings {
		m := &mappings[i]
		adjacent := i > 0 && mappings[i-1].End == m.Start
		behindFile := adjacent && mappings[i-1].File() && !afterImage
		ofImage := images[m.Name] || afterImage && adjacent && m.Anonymous() && m.writable()
		afterImage = ofImage
		if ofImage || isGuest(m, behindFile, memory) {
			s.Guest += m.PSS
			s.GuestPrivate += m.Private
			continue
		}
		s.Private += m.Private
		*s.part(m, behindFile) += m.PSS
	}
	return s
}

// imagesOf are the files that guest memory began as: those of which a piece that can
// be written is as large as guest memory is. Pages that the guest gave back split such
// a mapping, and are memory of no file.
func imagesOf(mappings []Mapping, memory int64) map[string]bool {
	found := make(map[string]bool)
	for i := range mappings {
		if m := &mappings[i]; m.File() && m.writable() && m.large(memory) {
			found[m.Name] = true
		}
	}
	return found
}

// isGuest knows the guest's memory by its size. No monitor's own mappings are as large
// and in use, but for those of a program's variables behind its file.
func isGuest(m *Mapping, behindFile bool, memory int64) bool {
	return m.large(memory) && m.writable() && !behindFile
}

// large says that a mapping is a quarter or more of a guest's memory in one piece.
func (m *Mapping) large(memory int64) bool { return m.Size() >= uint64(memory)/4 }

func (m *Mapping) writable() bool { return strings.HasPrefix(m.Perms, "rw") }

func (s *Split) part(m *Mapping, behindFile bool) *int64 {
	writable := m.writable()
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
