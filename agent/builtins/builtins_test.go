package builtins

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

type noPrograms struct{}

func (noPrograms) Start(*agent.Program) (agent.Running, error) { return nil, unix.ENOEXEC }

// dial is a client of a server with these built-ins.
func dial(t *testing.T, more map[string]agent.Builtin) *agent.Client {
	t.Helper()
	all := All()
	for name, b := range more {
		all[name] = b
	}
	s := agent.NewServer(agent.ServerOptions{Spawner: noPrograms{}, Builtins: all})
	here, there := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), there) }()
	c, err := agent.NewClient(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// run calls a built-in and returns its status and what it wrote.
func run(t *testing.T, c *agent.Client, stdin io.Reader, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p, err := c.Spawn(t.Context(), agent.Command{Args: args, Builtin: true, Stdin: stdin, Stdout: &out, Stderr: &errs})
	if err != nil {
		t.Fatal(err)
	}
	exit, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return exit.Status(), out.String(), errs.String()
}

func TestATreeComesOutAsItWentIn(t *testing.T) {
	c := dial(t, nil)
	from, to := filepath.Join(t.TempDir(), "tree"), t.TempDir()
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // four windows
	at := time.Unix(1e9, 0)
	for name, content := range map[string][]byte{"a": []byte("x"), "sub/dir/big": big, "sub/empty": nil} {
		p := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, content, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.Symlink("../nowhere", filepath.Join(from, "link")),
		os.Chmod(filepath.Join(from, "a"), 0o4751|fs.ModeSetuid),
		os.Chtimes(filepath.Join(from, "sub"), at, at),
		unix.Mkfifo(filepath.Join(from, "fifo"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	status, archive, remarks := run(t, c, nil, "get", from)
	if status != 0 || !strings.Contains(remarks, "fifo: not a file, left out") {
		t.Fatalf("get: status %d, %q", status, remarks)
	}
	for range 2 { // the second time over the first
		if status, _, text := run(t, c, strings.NewReader(archive), "put", to); status != 0 {
			t.Fatalf("put: status %d, %q", status, text)
		}
	}
	got, err := os.ReadFile(filepath.Join(to, "tree/sub/dir/big"))
	if err != nil || !bytes.Equal(got, big) {
		t.Errorf("the big file is %d bytes, %v", len(got), err)
	}
	if link, err := os.Readlink(filepath.Join(to, "tree/link")); err != nil || link != "../nowhere" {
		t.Errorf("the link leads to %q, %v", link, err)
	}
	if info, err := os.Stat(filepath.Join(to, "tree/a")); err != nil || info.Mode() != 0o751|fs.ModeSetuid {
		t.Errorf("the program's mode is %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(to, "tree/sub")); err != nil || !info.ModTime().Equal(at) {
		t.Errorf("the folder's time is %v, %v", info.ModTime(), err)
	}
}

func TestAnArchiveCannotLeaveItsFolder(t *testing.T) {
	c := dial(t, nil)
	outside := t.TempDir()
	entry := func(h tar.Header, content string) func(*tar.Writer) {
		return func(w *tar.Writer) {
			h.Size = int64(len(content))
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, content); err != nil {
				t.Fatal(err)
			}
		}
	}
	link := func(to string) func(*tar.Writer) {
		return entry(tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: to}, "")
	}
	for name, entries := range map[string][]func(*tar.Writer){
		"dots":               {entry(tar.Header{Name: "../x", Typeflag: tar.TypeReg, Mode: 0o644}, "bad")},
		"dots inside":        {entry(tar.Header{Name: "a/../../x", Typeflag: tar.TypeReg, Mode: 0o644}, "bad")},
		"through a link":     {link(outside), entry(tar.Header{Name: "l/x", Typeflag: tar.TypeReg, Mode: 0o644}, "bad")},
		"through dots":       {link("../.."), entry(tar.Header{Name: "l/x", Typeflag: tar.TypeReg, Mode: 0o644}, "bad")},
		"a hard link to it":  {entry(tar.Header{Name: "x", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}, "")},
		"a device":           {entry(tar.Header{Name: "x", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, "")},
		"a file called dot":  {entry(tar.Header{Name: "./.", Typeflag: tar.TypeReg}, "")},
		"a file over a dir":  {entry(tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}, ""), entry(tar.Header{Name: "d", Typeflag: tar.TypeReg}, "x")},
		"an archive cut off": {func(w *tar.Writer) { _ = w.WriteHeader(&tar.Header{Name: "x", Size: 100}) }},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for _, e := range entries {
				e(w)
			}
			_ = w.Flush()
			to := filepath.Join(t.TempDir(), "in", "here")
			if err := os.MkdirAll(to, 0o755); err != nil {
				t.Fatal(err)
			}
			status, _, text := run(t, c, &b, "put", to)
			if status != 1 || text == "" {
				t.Errorf("status %d, %q", status, text)
			}
			for _, dir := range []string{outside, filepath.Dir(to), filepath.Dir(filepath.Dir(to))} {
				if _, err := os.Lstat(filepath.Join(dir, "x")); err == nil {
					t.Errorf("something was written to %s", dir)
				}
			}
		})
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	c := dial(t, nil)
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"get", "/no/such/file"}, 1, "no such file"},
		{[]string{"get", "relative"}, 1, "not an absolute path"},
		{[]string{"put", "/no/such/folder"}, 1, "no such file"},
		{[]string{"put", "relative"}, 1, "not an absolute path"},
		{[]string{"get"}, 2, "0 arguments, wanted 1"},
		{[]string{"clock", "noon"}, 1, "no number of nanoseconds"},
		{[]string{"stats", "x"}, 2, "1 arguments, wanted 0"},
	} {
		if status, _, text := run(t, c, nil, test.args...); status != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%q: status %d, %q; want %d and %q", test.args, status, text, test.status, test.want)
		}
	}
	_, err := c.Spawn(t.Context(), agent.Command{Args: []string{"no-such"}, Builtin: true})
	if !errors.Is(err, unix.ENOENT) {
		t.Errorf("a built-in that is none: %v", err)
	}
}

func TestStatisticsAreThoseOfTheMachine(t *testing.T) {
	c := dial(t, nil)
	status, out, text := run(t, c, nil, "stats")
	if status != 0 {
		t.Fatalf("status %d, %q", status, text)
	}
	var s agent.Stats
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	if s.CPU.Count < 1 || s.CPU.User <= 0 || s.Memory.Total < s.Memory.Available || s.Memory.Available == 0 ||
		s.Uptime <= 0 || s.Processes < 1 || len(s.Networks) == 0 {
		t.Errorf("statistics are %+v", s)
	}
}

func TestABuiltinEndsWhenItIsToldTo(t *testing.T) {
	started := make(chan struct{})
	wait := func(ctx context.Context, b agent.BuiltinCall) int {
		close(started)
		_, err := b.Stdin.Read(make([]byte, 1))
		<-ctx.Done()
		if err == nil {
			return 3
		}
		return 4
	}
	c := dial(t, map[string]agent.Builtin{"wait": wait})
	r, w := io.Pipe()
	defer w.Close()
	p, err := c.Spawn(t.Context(), agent.Command{Args: []string{"wait"}, Builtin: true, Stdin: r})
	if err != nil {
		t.Fatal(err)
	}
	<-started
	if err := p.Signal(unix.SIGWINCH); err != nil { // means nothing
		t.Fatal(err)
	}
	if err := p.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	exit, err := p.Wait(t.Context())
	if err != nil || exit.Signal != unix.SIGTERM {
		t.Errorf("ended by %v, %v", exit, err)
	}
}

// FuzzProcfs wants statistics of whatever a kernel writes, and such that can be
// written as JSON.
func FuzzProcfs(f *testing.F) {
	f.Add("cpu  1 2 3 4 5 6 7 8\ncpu0 1 2\n")
	f.Add("eth0: 1 2 3 4 5 6 7 8 9 10 11 12\n")
	f.Add("254 0 vda 1 2 3 4 5 6 7 8 9 10\n")
	f.Add("MemTotal: 18446744073709551615 kB\n")
	f.Add("NaN Inf 1e400 1/x 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		var s agent.Stats
		for _, parse := range []func(string, *agent.Stats){parseStat, parseUptime, parseMeminfo, parseLoad, parseNetDev, parseDisks} {
			parse(text, &s)
		}
		if _, err := json.Marshal(&s); err != nil {
			t.Error(err)
		}
	})
}
