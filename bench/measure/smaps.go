package measure

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Mapping is one range of a process's addresses, as proc_pid_smaps(5) has it.
type Mapping struct {
	Start, End uint64
	Perms      string // "rw-p"
	Name       string // a file, "[heap]", "[anon: ...]"; empty for memory of no file

	// In bytes: what is in memory, its share of that by the number of processes
	// that have it, and what no other process has.
	RSS, PSS, Private int64
}

// Size is how long the range is, in bytes.
func (m *Mapping) Size() uint64 { return m.End - m.Start }

// Anonymous says that no file is behind the mapping.
func (m *Mapping) Anonymous() bool { return m.Name == "" || strings.HasPrefix(m.Name, "[anon") }

// File says that a file's content is behind it, and no device's nor shared memory.
func (m *Mapping) File() bool {
	return strings.HasPrefix(m.Name, "/") && !strings.HasPrefix(m.Name, "/dev/") && !strings.HasPrefix(m.Name, "/memfd:")
}

// Mappings are those of a process, in the order of their addresses. Another user's
// process has to be asked by root.
func Mappings(pid int) ([]Mapping, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps")
	if err != nil {
		return nil, err
	}
	all, err := ParseSmaps(string(text))
	if err != nil {
		return nil, fmt.Errorf("process %d: mappings: %w", pid, err)
	}
	return all, nil
}

// ParseSmaps reads the text of smaps. A text without mappings, which a process that
// has ended gives, is an error.
func ParseSmaps(text string) ([]Mapping, error) {
	var all []Mapping
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		first, rest, _ := strings.Cut(line, " ")
		if name, ok := strings.CutSuffix(first, ":"); ok {
			if len(all) == 0 {
				return nil, fmt.Errorf("%q stands before the first mapping", line)
			}
			if err := all[len(all)-1].account(name, rest); err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			continue
		}
		m, err := parseRange(first, rest)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, errors.New("no memory is accounted for")
	}
	return all, nil
}

// parseRange reads the line that begins a mapping, "START-END PERMS OFFSET DEVICE
// INODE NAME", in which the name may hold spaces or be missing.
func parseRange(addresses, rest string) (m Mapping, err error) {
	start, end, ok := strings.Cut(addresses, "-")
	if !ok {
		return m, errors.New("no range of addresses")
	}
	if m.Start, err = strconv.ParseUint(start, 16, 64); err != nil {
		return m, err
	}
	if m.End, err = strconv.ParseUint(end, 16, 64); err != nil {
		return m, err
	}
	if m.End <= m.Start {
		return m, errors.New("an empty range of addresses")
	}
	const before = 4 // words before the name
	for i := range before {
		word, more, ok := strings.Cut(strings.TrimLeft(rest, " "), " ")
		if word == "" || !ok && i < before-1 {
			return m, errors.New("not all of a mapping's words")
		}
		if i == 0 {
			m.Perms = word
		}
		rest = more
	}
	m.Name = strings.TrimLeft(rest, " ")
	return m, nil
}

// maxKiB bounds a count, in KiB: it is more than any machine has.
const maxKiB = 1 << 36

// account takes one of the lines of a mapping, "NAME: COUNT kB". Lines of other
// forms are flags.
func (m *Mapping) account(name, rest string) error {
	var to *int64
	switch name {
	case "Rss":
		to = &m.RSS
	case "Pss":
		to = &m.PSS
	case "Private_Clean", "Private_Dirty", "Private_Hugetlb":
		to = &m.Private
	default:
		return nil
	}
	count, ok := strings.CutSuffix(strings.Trim(rest, " "), " kB")
	if !ok {
		return errors.New("no count of kB")
	}
	kib, err := strconv.ParseUint(strings.Trim(count, " "), 10, 64)
	if err != nil {
		return err
	}
	if kib > maxKiB {
		return errors.New("more memory than there can be")
	}
	*to += int64(kib << 10)
	return nil
}
