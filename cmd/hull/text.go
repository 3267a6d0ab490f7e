package main

import (
	"strings"
	"unicode"
)

// printable is text of a guest's, or of anybody's, without what a terminal would
// obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// cutRunes is s, or the beginning of it with an ellipsis: at most n runes.
func cutRunes(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
