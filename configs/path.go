package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// A path names a value as messages and --set do: cpu.count, init.files[0].path.
// Keys that are not bare are quoted, so that a path has one meaning.

// join is the path of key in the table at path.
func join(path, key string) string {
	if !isBare(key) {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// index is the path of the element i of the array at path.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parent is the path of what holds the value at path, "" at the top.
func parent(path string) string {
	if strings.HasSuffix(path, `"`) || strings.HasSuffix(path, `"...`) {
		// A quoted key may hold dots and brackets: it is unknown, and one
		// level up is where its nearest known holder begins.
		start := strings.IndexByte(path, '"')
		return strings.TrimSuffix(path[:start], ".")
	}
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// isBare reports whether key may stand without quotes in TOML.
func isBare(key string) bool {
	if key == "" || len(key) > maxShown {
		return false
	}
	for i := range len(key) {
		if !isWordByte(key[i]) {
			return false
		}
	}
	return true
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// step is one part of a path: a key, or an index where key is empty.
type step struct {
	key   string
	index int
}

// splitPath parses a path of bare keys and indices.
func splitPath(path string) ([]step, error) {
	var steps []step
	for part := range strings.SplitSeq(path, ".") {
		key, rest, indexed := strings.Cut(part, "[")
		if !isBare(key) {
			return nil, fmt.Errorf("path %s: %s is not a key", quote(path), quote(key))
		}
		steps = append(steps, step{key: key})
		for indexed {
			var digits string
			var closed bool
			digits, rest, closed = strings.Cut(rest, "]")
			n, err := strconv.ParseUint(digits, 10, 16)
			if err != nil || !closed {
				return nil, fmt.Errorf("path %s: %s is not an index", quote(path), quote(digits))
			}
			steps = append(steps, step{index: int(n)})
			if indexed = rest != ""; indexed && rest[0] != '[' {
				return nil, fmt.Errorf("path %s: %s follows an index", quote(path), quote(rest))
			}
			rest = strings.TrimPrefix(rest, "[")
		}
		if len(steps) > maxDepth {
			return nil, fmt.Errorf("path %s: more than %d parts", quote(path), maxDepth)
		}
	}
	return steps, nil
}
