package configs

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Load reads the machine file at path. The error is a [*Problems] for mistakes
// in the file; one that cannot be read wraps the cause.
func Load(path string) (*Machine, error) { return LoadWith(path, nil) }

// LoadWith is Load with values of the file replaced. Later sets win.
func LoadWith(path string, sets []Set) (*Machine, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("machine file: %w", err)
	}
	return Parse(path, text, sets...)
}

// readFile reads one byte more than a machine file may have, so that Parse
// refuses what is longer.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

// Parse judges the text of a machine file and returns the machine with every
// value filled in. name is the file's path: messages show it, relative paths in
// the text begin in its folder, and the machine is called after it where the
// text gives no name. The error is a [*Problems].
func Parse(name string, text []byte, sets ...Set) (*Machine, error) {
	tree, err := parseTOML(name, text)
	if err != nil {
		return nil, err
	}
	r := newReport(name, findPlaces(name, text))
	for _, s := range sets {
		s.apply(tree, r)
	}
	m := Default()
	d := decoder{report: r, folder: name[:strings.LastIndexByte(name, '/')+1]}
	d.machine(tree, m)
	if m.Name == "" && r.ok("name") {
		m.Name = nameFromFile(name)
	}
	m.Complete()
	m.check(r)
	if err := r.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// nameFromFile is a machine's name made from its file's.
func nameFromFile(path string) string {
	base := strings.TrimSuffix(path[strings.LastIndexByte(path, '/')+1:], ".toml")
	name := strings.Map(func(c rune) rune {
		if c < 0x80 && (isWordByte(byte(c)) || c == '.') {
			return c
		}
		return '-'
	}, base)
	name = strings.TrimLeft(name, "-._")
	if name == "" {
		return "machine"
	}
	return cut(name, maxName)
}
