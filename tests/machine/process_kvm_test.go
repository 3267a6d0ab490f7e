package machine

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

// burst runs a program that writes 8 MiB and is gone.
func burst(m *machine) {
	const size = 8 << 20
	for range 3 {
		p := m.begin(agent.Command{Args: []string{guestside, "burst", "3", fmt.Sprint(size)}})
		if err := matches(strings.NewReader(p.succeed()), 3, size); err != nil {
			m.t.Error(err)
		}
	}
}

func useTerminal(m *machine) {
	in, keys := io.Pipe()
	p := m.begin(agent.Command{Args: []string{guestside, "window"}, TTY: true, Size: agent.WinSize{Rows: 24, Columns: 80}, Stdin: in})
	p.says("window 24x80\r\n")
	if err := p.Resize(agent.WinSize{Rows: 50, Columns: 132}); err != nil {
		m.t.Fatal(err)
	}
	p.says("window 50x132\r\n")
	if _, err := keys.Write([]byte("\x04")); err != nil { // Ctrl-D: the input's end
		m.t.Error(err)
	}
	p.succeed()

	in, keys = io.Pipe()
	p = m.begin(agent.Command{Args: []string{"sleep", "1000"}, TTY: true, Stdin: in})
	if _, err := keys.Write([]byte("\x03")); err != nil { // Ctrl-C
		m.t.Error(err)
	}
	if exit := p.finish(); exit.Signal != unix.SIGINT {
		m.t.Errorf("Ctrl-C: %v", exit)
	}
}

func sendSignals(m *machine) {
	p := m.begin(agent.Command{Args: []string{guestside, "signals"}})
	p.says("listening")
	for _, s := range []unix.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGTERM} {
		if err := p.Signal(s); err != nil {
			m.t.Fatal(err)
		}
		p.says("got " + unix.SignalName(s))
	}
	p.succeed()
	p = m.begin(agent.Command{Args: []string{"sleep", "1000"}})
	p.kill()
	if exit := m.begin(agent.Command{Args: []string{"sh", "-c", "exit 42"}}).finish(); exit.Code != 42 {
		m.t.Errorf("exit 42: %v", exit)
	}
}

// copyInAndOut puts a tree into the guest and gets it back.
func copyInAndOut(m *machine) {
	t := m.t
	want := map[string]string{"tree/empty": ""}
	for i := range 100 {
		b, _ := io.ReadAll(pattern(uint64(i), int64(i*i*10)))
		want[fmt.Sprintf("tree/%d/%d/file", i%3, i)] = string(b)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h *tar.Header, text string) {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range want {
		add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o640, Size: int64(len(text))}, text)
	}
	add(&tar.Header{Typeflag: tar.TypeSymlink, Name: "tree/link", Linkname: "1/4/file", Mode: 0o777}, "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m.builtin(&archive, nil, "put", "/root")
	if got := m.sh("cat /root/tree/link"); got != want["tree/1/4/file"] {
		t.Errorf("through the link the guest reads %d bytes, want %d", len(got), len(want["tree/1/4/file"]))
	}
	var back bytes.Buffer
	m.builtin(nil, &back, "get", "/root/tree")
	got := make(map[string]string)
	for r := tar.NewReader(&back); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if h.Mode&0o777 != 0o640 {
				t.Errorf("%s has mode %o", h.Name, h.Mode)
			}
			got[h.Name] = string(b)
		case tar.TypeSymlink:
			if h.Name != "tree/link" || h.Linkname != "1/4/file" {
				t.Errorf("a link %s to %s", h.Name, h.Linkname)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files come back, want %d", len(got), len(want))
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s comes back with %d bytes, want %d", name, len(got[name]), len(text))
		}
	}
}

func readStats(m *machine) {
	var s agent.Stats
	if err := json.Unmarshal([]byte(m.builtin(nil, nil, "stats")), &s); err != nil {
		m.t.Fatal(err)
	}
	if s.CPU.Count != 2 || s.Uptime <= 0 || s.Memory.Total > 512<<20 || s.Memory.Total < 400<<20 ||
		s.Memory.Available == 0 || s.Processes == 0 || len(s.Disks) != 3 || s.Disks[0].ReadBytes == 0 || s.Disks[0].WriteBytes == 0 {
		m.t.Errorf("statistics: %+v", s)
	}
}
