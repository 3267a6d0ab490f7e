package terminal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEscapeFilter(t *testing.T) {
	tests := map[string]struct {
		reads    []string
		guest    string
		commands []Command
	}{
		"plain":               {[]string{"ls\r"}, "ls\r", nil},
		"control c":           {[]string{"\x03"}, "\x03", nil},
		"leave":               {[]string{"a\x01xb"}, "ab", []Command{Leave}},
		"leave, two reads":    {[]string{"a\x01", "x"}, "a", []Command{Leave}},
		"twice is once":       {[]string{"\x01\x01"}, "\x01", nil},
		"twice, then x":       {[]string{"\x01\x01x"}, "\x01x", nil},
		"unknown letter":      {[]string{"\x01q"}, "\x01q", nil},
		"two commands":        {[]string{"\x01h1\x01p2"}, "12", []Command{Help, PowerButton}},
		"escape never closed": {[]string{"1\x01"}, "1", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var e Escape
			var guest []byte
			var commands []Command
			for _, read := range test.reads {
				rest := []byte(read)
				for len(rest) > 0 {
					var c Command
					guest, c, rest = e.Filter(guest, rest)
					if c != 0 {
						commands = append(commands, c)
					}
				}
			}
			if string(guest) != test.guest {
				t.Errorf("guest got %q, want %q", guest, test.guest)
			}
			if diff := cmp.Diff(test.commands, commands); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
		})
	}
}
