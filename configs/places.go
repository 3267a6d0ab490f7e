package configs

import (
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places says where the values of a machine file came from.
type places struct {
	source string
	lines  []int           // offset of each line's first byte
	at     map[string]int  // path to the offset of its value, or key, in the text
	keys   map[string]int  // path to the offset of its key
	set    map[string]bool // paths that a --set gave
}

// findPlaces notes where each key and value of text stands. The text has been
// parsed before; what cannot be placed is left out.
func findPlaces(source string, text []byte) *places {
	p := &places{source: source, lines: []int{0}, at: make(map[string]int), keys: make(map[string]int), set: make(map[string]bool)}
	for i, c := range text {
		if c == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	var parser unstable.Parser
	parser.Reset(text)
	tables := make(map[string]int) // arrays of tables: how many so far
	table := ""
	for parser.NextExpression() {
		switch e := parser.Expression(); e.Kind {
		case unstable.Table:
			table = p.key("", e.Key(), tables, false)
		case unstable.ArrayTable:
			path := p.key("", e.Key(), tables, true)
			table = index(path, tables[path])
			tables[path]++
			p.note(table, p.at[path])
		case unstable.KeyValue:
			p.keyValue(table, e)
		}
	}
	return p
}

// key notes the parts of a dotted key in the table at path, and returns the path
// of the last. A part that names an array of tables stands for its last table,
// but for the last part of a header that adds one.
func (p *places) key(path string, key unstable.Iterator, tables map[string]int, adds bool) string {
	for key.Next() {
		n := key.Node()
		path = join(path, string(n.Data))
		if _, known := p.at[path]; !known {
			p.note(path, int(n.Raw.Offset))
			if offset, kept := p.at[path]; kept {
				p.keys[path] = offset
			}
		}
		if i := tables[path]; i > 0 && !(adds && key.IsLast()) {
			path = index(path, i-1)
		}
	}
	return path
}

// note keeps a place, unless the path is longer than any that is asked for: many
// short keys in a table of a very long name would fill the memory.
func (p *places) note(path string, offset int) {
	if len(path) <= maxPlacedPath {
		p.at[path] = offset
	}
}

// maxPlacedPath is longer than the path of any known key and of an unknown one
// beside it, in bytes.
const maxPlacedPath = 256

func (p *places) keyValue(table string, e *unstable.Node) {
	p.value(p.key(table, e.Key(), nil, false), e.Value())
}

// value notes where the value at path and what it holds stand.
func (p *places) value(path string, n *unstable.Node) {
	switch n.Kind {
	case unstable.Array:
		i := 0
		for children := n.Children(); children.Next(); i++ {
			p.value(index(path, i), children.Node())
		}
	case unstable.InlineTable:
		for children := n.Children(); children.Next(); {
			p.keyValue(path, children.Node())
		}
	default:
		if n.Raw.Length > 0 {
			p.note(path, int(n.Raw.Offset))
		}
	}
}

// setBy notes that a --set gave the value at path.
func (p *places) setBy(path string) {
	for known := range p.at {
		rest, under := strings.CutPrefix(known, path)
		if under && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			delete(p.at, known)
			delete(p.keys, known)
		}
	}
	p.set[path] = true
}

// fromSet reports whether a --set gave the value at path.
func (p *places) fromSet(path string) bool {
	for ; path != ""; path = parent(path) {
		if p.set[path] {
			return true
		}
		if _, inFile := p.at[path]; inFile {
			return false
		}
	}
	return false
}

// findKey is find for a key whose value does not matter.
func (p *places) findKey(path string) (source string, line, column int) {
	if offset, known := p.keys[path]; known {
		line, column = p.position(offset)
		return p.source, line, column
	}
	return p.find(path)
}

// find returns where the value at path came from; for one that is missing, where
// the table is that lacks it. line and column are 0 where neither is known.
func (p *places) find(path string) (source string, line, column int) {
	for ; path != ""; path = parent(path) {
		if p.set[path] {
			return "--set " + path, 0, 0
		}
		if offset, known := p.at[path]; known {
			line, column = p.position(offset)
			return p.source, line, column
		}
	}
	return p.source, 0, 0
}

// position is the line and column, in bytes and both from 1, of an offset.
func (p *places) position(offset int) (line, column int) {
	i, exact := slices.BinarySearch(p.lines, offset)
	if !exact {
		i--
	}
	return i + 1, offset - p.lines[i] + 1
}
