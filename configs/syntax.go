package configs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// parseTOML reads text into tables, or says with one mistake why it is no TOML.
func parseTOML(source string, text []byte) (map[string]any, error) {
	bad := func(line, column int, rule, remedy, excerpt string) error {
		return &Problems{Source: source, List: []Problem{{
			Source: source, Line: line, Column: column, Rule: rule, Remedy: remedy, Excerpt: excerpt,
		}}}
	}
	if len(text) > MaxFile {
		return nil, bad(0, 0, fmt.Sprintf("longer than %d bytes", MaxFile), "a machine file is shorter", "")
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		line, column := linePosition(text, i)
		return nil, bad(line, column, "not a text: it holds a zero byte", "give a TOML file", "")
	}
	if i, why := tooMuch(text); i >= 0 {
		line, column := linePosition(text, i)
		return nil, bad(line, column, why, "a machine file needs less", excerpt(text, line, column))
	}
	tree := make(map[string]any)
	err := toml.Unmarshal(text, &tree)
	if err == nil {
		return tree, nil
	}
	var decode *toml.DecodeError
	if !errors.As(err, &decode) {
		return nil, bad(0, 0, "not TOML: "+printable(strings.TrimPrefix(err.Error(), "toml: ")), "", "")
	}
	line, column := decode.Position()
	message := cut(printable(strings.TrimPrefix(decode.Error(), "toml: ")), 200)
	return nil, bad(line, column, "not TOML: "+message, "", excerpt(text, line, column))
}

// linePosition is the line and column, both from 1, of an offset.
func linePosition(text []byte, offset int) (line, column int) {
	before := text[:offset]
	return bytes.Count(before, []byte{'\n'}) + 1, offset - bytes.LastIndexByte(before, '\n')
}

// maxExcerpt is how much of a line an excerpt shows on either side of the
// mistake, in bytes.
const maxExcerpt = 50

// excerpt is a line of text with a mark below the column. It is empty where there
// is no such place.
func excerpt(text []byte, line, column int) string {
	for n := 1; n < line; n++ {
		_, rest, more := bytes.Cut(text, []byte{'\n'})
		if !more {
			return ""
		}
		text = rest
	}
	shown, _, _ := bytes.Cut(text, []byte{'\n'})
	if line < 1 || column < 1 || column > len(shown)+1 {
		return ""
	}
	before, after := shown[:column-1], shown[column-1:]
	if len(before) > maxExcerpt {
		before = before[len(before)-maxExcerpt:]
	}
	if len(after) > maxExcerpt {
		after = after[:maxExcerpt]
	}
	left := plainLine(before)
	margin := fmt.Sprintf("%5d | ", line)
	return margin + left + plainLine(after) + "\n" +
		strings.Repeat(" ", len(margin)-2) + "| " + strings.Repeat(" ", utf8.RuneCountInString(left)) + "^"
}

// plainLine is bytes as text in which every character takes one column.
func plainLine(b []byte) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' {
			return ' '
		}
		if printable(string(c)) != string(c) {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(string(bytes.TrimSuffix(b, []byte{'\r'})), "?"))
}

// tooMuch returns the offset at which text nests deeper than maxDepth, by brackets
// or by the dots of a key, or has more than maxKeys keys, and says which; or -1.
// The parser recurses on the former, and a goroutine's stack that has run out
// ends the process; its time grows with the square of the latter. Outside of
// strings and comments this counts more than the parser would meet, never less.
func tooMuch(text []byte) (offset int, why string) {
	depth, dots, keys := 0, 0, 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '#':
			i += lineLength(text[i:])
			continue
		case '"', '\'':
			i += stringLength(text[i:])
			continue
		case '[', '{':
			depth++
			keys++
			dots = 0
		case ']', '}':
			depth = max(depth-1, 0)
		case '.':
			dots++
		case '=':
			keys++
			dots = 0
		case ',', '\n':
			dots = 0
		}
		switch {
		case depth > maxDepth || dots > maxDepth:
			return i, fmt.Sprintf("nested more than %d deep", maxDepth)
		case keys > maxKeys:
			return i, fmt.Sprintf("more than %d keys", maxKeys)
		}
		i++
	}
	return -1, ""
}

// lineLength is the number of bytes up to the end of the line.
func lineLength(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i
	}
	return len(text)
}

// stringLength is the length of the TOML string that text begins with. A string
// without an end runs to the end of its line, or of the text if it may have many
// lines: the parser stops there.
func stringLength(text []byte) int {
	quote := text[0]
	long := bytes.HasPrefix(text, []byte{quote, quote, quote})
	if !long && len(text) > 1 && text[1] == quote {
		return 2
	}
	i := 1
	if long {
		i = 3
	}
	for i < len(text) {
		switch c := text[i]; {
		case c == '\\' && quote == '"':
			i += 2
			continue
		case c == '\n' && !long:
			return i
		case c == quote && !long:
			return i + 1
		case c == quote && bytes.HasPrefix(text[i:], []byte{quote, quote, quote}):
			// Up to two quotes may belong to the string before the three that
			// end it.
			i += 3
			for n := 0; n < 2 && i < len(text) && text[i] == quote; n++ {
				i++
			}
			return i
		}
		i++
	}
	return len(text)
}
