package measure

import "strings"

// InCell makes text fit into one cell of a Markdown table.
func InCell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}
