package supervisor

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
)

func TestRequestsTravel(t *testing.T) {
	timeout, memory := time.Second, uint64(1<<20)
	want := Request{
		Version: 1, Op: OpStop, Timeout: &timeout, Update: &instance.Update{Memory: &memory},
		Input: true, Size: &agent.WinSize{Rows: 3, Columns: 4},
	}
	var b bytes.Buffer
	if err := writeLine(&b, &want); err != nil {
		t.Fatal(err)
	}
	b.WriteString("rest")
	r := bufio.NewReaderSize(&b, 16)
	var got Request
	if err := readLine(r, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "rest" {
		t.Errorf("behind the line: %q", rest)
	}
}

func TestBadLines(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "cut off": `{"op":"stop"`, "no object": "3\n", "unknown field": `{"op":"stop","speed":3}` + "\n",
		"too long": `{"op":"` + strings.Repeat("x", maxLine) + "\"}\n", "endless": strings.Repeat(" ", 3*maxLine),
	} {
		var q Request
		if err := readLine(bufio.NewReader(strings.NewReader(text)), &q); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	var r Reply
	if err := readLine(bufio.NewReader(strings.NewReader(`{"later":1}`+"\n")), &r); err != nil {
		t.Errorf("a field of a later supervisor: %v", err)
	}
}

func TestFailuresKeepTheirKind(t *testing.T) {
	f := failure(&instance.Error{Kind: instance.KindWrongState, Err: errors.New("it is paused")})
	if err := f.error(); instance.KindOf(err) != instance.KindWrongState || err.Error() != "it is paused" {
		t.Errorf("%v", err)
	}
	if failure(nil).error() != nil {
		t.Error("nothing has become something")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"version":1,"op":"stop","timeout":5}` + "\n"))
	f.Add([]byte(`{"version":1,"op":"update","update":{"cpus":"1.5","disks":{"a":{}}}}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var q Request
		if readLine(bufio.NewReader(bytes.NewReader(text)), &q) != nil {
			return
		}
		var b bytes.Buffer
		if err := writeLine(&b, &q); err != nil {
			t.Fatal(err)
		}
		var again Request
		if err := readLine(bufio.NewReader(&b), &again); err != nil {
			t.Fatalf("%v\n%+v", err, q)
		}
	})
}
