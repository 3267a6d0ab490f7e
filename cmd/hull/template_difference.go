package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// machineDifference says in what a snapshot's machine and another differ first; empty
// where they are the same but for what an instance has of its own: its name, and the
// socket by which its guest is reached.
func machineDifference(there *manager.SnapshotDetail, machine *configs.Machine) (string, error) {
	kept, err := configs.Parse(there.Name+".toml", []byte(there.Machine))
	if err != nil {
		return "", fmt.Errorf("its machine: %w", err)
	}
	// The caller's machine stays as it is.
	asked, err := configs.Parse(machine.Name+".toml", configs.Render(machine))
	if err != nil {
		return "", err
	}
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("current folder: %w", err)
	}
	asked.Absolute(here)
	if asked.Vsock.Path == "" && strings.Contains(kept.Vsock.Path, instance.ShortID(there.InstanceID)) {
		kept.Vsock.Path = ""
	}
	for _, m := range []*configs.Machine{kept, asked} {
		m.SetName("machine")
	}
	return firstDifference(keyLines(configs.Render(kept)), keyLines(configs.Render(asked))), nil
}

// keyLine is a line of a machine file, with the table that it is in.
type keyLine struct{ table, text string }

const maxKeyLine = 100 // runes that a message has of one

func (k keyLine) String() string {
	return cutRunes(printable(strings.TrimSpace(k.table+" "+k.text)), maxKeyLine)
}

// sameKey reports whether two lines are values of one key.
func (k keyLine) sameKey(o keyLine) bool {
	key, _, _ := strings.Cut(k.text, " = ")
	other, _, _ := strings.Cut(o.text, " = ")
	return k.table == o.table && key == other
}

// keyLines are the lines of a rendered machine file that have values.
func keyLines(file []byte) []keyLine {
	var list []keyLine
	table := ""
	for line := range strings.Lines(string(file)) {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case strings.HasPrefix(line, "["):
			table = line
		default:
			list = append(list, keyLine{table, line})
		}
	}
	return list
}

// firstDifference says what a template has first that the machine that was asked for
// has not, or the other way round.
func firstDifference(template, asked []keyLine) string {
	for len(template) > 0 && len(asked) > 0 && template[0] == asked[0] {
		template, asked = template[1:], asked[1:]
	}
	switch {
	case len(template) == 0 && len(asked) == 0:
		return ""
	case len(template) == 0:
		return fmt.Sprintf("it has no %v", asked[0])
	case len(asked) == 0:
		return fmt.Sprintf("it has %v, and this one has not", template[0])
	case template[0].sameKey(asked[0]):
		return fmt.Sprintf("it has %v, and this one %v", template[0], keyLine{text: asked[0].text})
	case slices.Contains(asked, template[0]): // behind what only this one has
		return fmt.Sprintf("it has no %v", asked[0])
	default:
		return fmt.Sprintf("it has %v, and this one has not", template[0])
	}
}
