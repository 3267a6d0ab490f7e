package guesttest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// harmless reads the patterns of docs/guest-log.md: lines that no kernel of a
// guest is wrong to log.
var harmless = sync.OnceValues(func() ([]*regexp.Regexp, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "guest-log.md"))
	if err != nil {
		return nil, err
	}
	var list []*regexp.Regexp
	for line := range strings.Lines(string(text)) {
		if pattern, ok := strings.CutPrefix(line, "    "); ok {
			p, err := regexp.Compile(strings.TrimSpace(pattern))
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	return list, nil
})

// Complaints are the lines of a guest's log that docs/guest-log.md does not list.
// The test's package lies two folders below the repository.
func Complaints(t testing.TB, log string) string {
	t.Helper()
	list, err := harmless()
	if err != nil || len(list) == 0 {
		t.Fatalf("docs/guest-log.md lists %d patterns: %v", len(list), err)
	}
	var b strings.Builder
next:
	for line := range strings.Lines(log) {
		for _, h := range list {
			if h.MatchString(line) {
				continue next
			}
		}
		if strings.TrimSpace(line) != "" {
			b.WriteString(strings.TrimRight(line, "\r\n") + "\n")
		}
	}
	return b.String()
}
