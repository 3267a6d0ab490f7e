package measure

// Overhead is the proportional set size of a monitor in bytes, less that of its
// mappings of guest memory (memory bytes of it).
func Overhead(pid int, memory int64) (int64, error) {
	s, err := Memory(pid, memory)
	return s.Total(), err
}

// Memory is a monitor's memory by what it is for. The guest has memory bytes.
func Memory(pid int, memory int64) (Split, error) {
	all, err := Mappings(pid)
	if err != nil {
		return Split{}, err
	}
	return SplitOf(all, memory), nil
}
