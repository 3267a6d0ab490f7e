package httpapi

import (
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/logs"
)

func readDocs(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTheExamplesAreTrue runs the commands of docs/api.md, and compares what they
// print.
func TestTheExamplesAreTrue(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		guesttest.Missing(t, "curl, to run the examples of docs/api.md")
	}
	e := &fakeEngine{
		logs:    []any{logs.Record{Time: testTime, Stream: logs.Stdout, Text: []byte("hello\n")}},
		journal: []any{events.Event{Time: testTime, Action: events.Start, ID: testID, Name: "web"}},
		rounds:  1,
	}
	s := startServer(t, e, Options{})
	ran := 0
	for block := range strings.SplitSeq(readDocs(t), "```console\n") {
		text, _, found := strings.Cut(block, "```\n")
		if !found || !strings.HasPrefix(text, "$ ") {
			continue
		}
		for example := range strings.SplitSeq(text[2:], "\n$ ") {
			command, want, _ := strings.Cut(example, "\n")
			if want != "" && !strings.HasSuffix(want, "\n") {
				want += "\n"
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
			cmd.Env = append(os.Environ(), "HULL_SOCKET="+s.socket, "no_proxy=*")
			got, err := cmd.CombinedOutput()
			if err != nil || string(got) != want {
				t.Errorf("%s: %v\n%s\nwant\n%s", command, err, got, want)
			}
			ran++
		}
	}
	if ran < 8 {
		t.Errorf("%d examples were run", ran)
	}
}

func TestTheDocumentedFramesAreThose(t *testing.T) {
	documented := make(map[string]string)
	for _, m := range regexp.MustCompile("(?m)^\\| (.*) \\| `([0-9a-f ]+)` \\|$").FindAllStringSubmatch(readDocs(t), -1) {
		documented[m[1]] = strings.ReplaceAll(m[2], " ", "")
	}
	for name, frame := range map[string][]byte{
		`stdin "ls\n"`:                  appendFrame(nil, frameStdin, []byte("ls\n")),
		"end of stdin":                  appendFrame(nil, frameStdin, nil),
		"resize to 24 rows, 80 columns": appendFrame(nil, frameResize, []byte{0, 24, 0, 80}),
		"signal 15":                     appendFrame(nil, frameSignal, []byte{15}),
		"exit":                          appendFrame(nil, frameExit, []byte(`{"code":0}`)),
	} {
		if got := hex.EncodeToString(frame); documented[name] != got {
			t.Errorf("%s is %s, and documented as %q", name, got, documented[name])
		}
		delete(documented, name)
	}
	if len(documented) > 0 {
		t.Errorf("also documented: %v", documented)
	}
}

// TestEveryKindAndRouteIsDocumented compares the tables of docs/api.md with the
// program's.
func TestEveryKindAndRouteIsDocumented(t *testing.T) {
	text := readDocs(t)
	for _, kind := range slices.Sorted(maps.Keys(statuses)) {
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| %d \\|.*`%s`", statuses[kind], kind))
		if !row.MatchString(text) {
			t.Errorf("%s, %d, is not in the table of errors", kind, statuses[kind])
		}
	}
	for _, e := range routes() {
		// A row may have several: the path's last part is looked for.
		last := strings.NewReplacer("{ref}", "REF", "{snapshot}", "snapshots/NAME").Replace(e.path[strings.LastIndexByte(e.path, '/')+1:])
		if !strings.Contains(text, last) {
			t.Errorf("%s %s is not documented", e.method, e.path)
		}
	}
}
