package machine

import "strings"

// warnings are a log's lines that are no mere information.
func warnings(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "level=DEBUG") && !strings.Contains(line, "level=INFO") {
			b.WriteString(line)
		}
	}
	return b.String()
}
