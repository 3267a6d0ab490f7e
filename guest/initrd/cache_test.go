package initrd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/durable"
)

// later is a clock by which files have been at rest.
func later() time.Time { return time.Now().Add(time.Hour) }

// agentOf is the agent that the kernel finds in an initrd.
func agentOf(t *testing.T, p *Parts) string {
	t.Helper()
	return p.tree(t)["init"].Content
}

// A program that was replaced is never served as it was, however alike the file is.
func TestAProgramThatIsReplaced(t *testing.T) {
	for name, replace := range map[string]func(path, text string) error{
		"in place": func(path, text string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString(text)
			return errors.Join(err, f.Close())
		},
		"by another file": func(path, text string) error {
			return durable.WriteFile(path, 0o700, func(w io.Writer) error {
				_, err := w.Write([]byte(text))
				return err
			})
		},
	} {
		for clock, now := range map[string]func() time.Time{"at rest": later, "just now": time.Now} {
			programs := t.TempDir()
			o := options(t, programs, "m")
			info, err := os.Stat(o.Agent)
			if err != nil {
				t.Fatal(err)
			}
			c := Cache{Dir: t.TempDir(), now: now}
			for _, text := range []string{"an agent", "an AGENT", "An agent", "an agent"} {
				if err := replace(o.Agent, text); err != nil {
					t.Fatal(err)
				}
				// Its age and size tell nothing.
				if err := os.Chtimes(o.Agent, info.ModTime(), info.ModTime()); err != nil {
					t.Fatal(err)
				}
				if got := agentOf(t, open(t, c, o)); got != text {
					t.Errorf("%s, %s: the agent is %q, want %q", name, clock, got, text)
				}
			}
			if got := cached(t, c, ".cpio"); len(got) != 3 {
				t.Errorf("%s, %s: %d archives of 3 agents", name, clock, len(got))
			}
		}
	}
}

func TestChecksumsAreRememberedOfFilesAtRest(t *testing.T) {
	o := options(t, t.TempDir(), "m")
	for name, test := range map[string]struct {
		now  func() time.Time
		want int
	}{
		"just written":  {time.Now, 0},
		"in the future": {func() time.Time { return time.Now().Add(-time.Hour) }, 0},
		"at rest":       {later, 2},
	} {
		c := Cache{Dir: t.TempDir(), now: test.now}
		for range 2 {
			open(t, c, o)
		}
		if got := cached(t, c, sumSuffix); len(got) != test.want {
			t.Errorf("%s: %d checksums of 2 programs, want %d", name, len(got), test.want)
		}
	}
}

// remember makes a cache remember something else.
func remember(t *testing.T, memo, text string) {
	t.Helper()
	if err := os.WriteFile(memo, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ts(sec, nsec int64) unix.Timespec { return unix.Timespec{Sec: sec, Nsec: nsec} }

func sumText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// memoOf is the file with the checksum of this text.
func memoOf(t *testing.T, c Cache, text string) string {
	t.Helper()
	for _, path := range cached(t, c, sumSuffix) {
		if got, err := os.ReadFile(path); err == nil && string(got) == sumText(text) {
			return path
		}
	}
	t.Fatalf("no checksum of %q is remembered", text)
	return ""
}

// What is remembered is not read: the cache is told a lie, and believes it where it
// has an archive that fits.
func TestWhatIsRememberedIsNotRead(t *testing.T) {
	c, programs := Cache{Dir: t.TempDir(), now: later}, t.TempDir()
	o := options(t, programs, "m")
	open(t, c, o)
	other := o
	other.Agent = put(t, t.TempDir(), "agent", "an AGENT")
	open(t, c, other)
	memo := memoOf(t, c, "an agent")
	remember(t, memo, sumText("an AGENT"))
	if got := agentOf(t, open(t, c, o)); got != "an AGENT" {
		t.Errorf("the agent was read: %q", got)
	}

	// A lie that fits no archive is found out when one is made.
	remember(t, memo, sumText("another lie"))
	if got := agentOf(t, open(t, c, o)); got != "an agent" {
		t.Errorf("the agent is %q", got)
	}
	for _, nonsense := range []string{"", "0", strings.Repeat("x", 64), sumText("an AGENT") + "0", sumText("an AGENT")[:62]} {
		remember(t, memo, nonsense)
		if got := agentOf(t, open(t, c, o)); got != "an agent" {
			t.Errorf("%q is believed: the agent is %q", nonsense, got)
		}
		memoOf(t, c, "an agent") // it is mended
	}
}

func TestWhatTellsProgramsApart(t *testing.T) {
	dir := t.TempDir()
	key := func(i identity, name, text string) string {
		f, err := os.Open(put(t, dir, "f", text))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		k, err := i.key(name, f)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	keys := map[string]string{"as it is": key(identity{}, "f", "text")}
	for name, k := range map[string]string{
		"device": key(identity{device: 1}, "f", "text"),
		"inode":  key(identity{inode: 1}, "f", "text"),
		"size":   key(identity{size: 1}, "f", "text"),
		"mtime":  key(identity{written: ts(0, 1)}, "f", "text"),
		"mtime2": key(identity{written: ts(1, 0)}, "f", "text"),
		"ctime":  key(identity{touched: ts(0, 1)}, "f", "text"),
		"ctime2": key(identity{touched: ts(1, 0)}, "f", "text"),
		"path":   key(identity{}, "ft", "ext"),
		"head":   key(identity{}, "f", "Text"),
	} {
		for other, o := range keys {
			if k == o {
				t.Errorf("another %s is not told from %s", name, other)
			}
		}
		keys[name] = k
	}
	if key(identity{}, "f", "text") != keys["as it is"] {
		t.Error("a file is told from itself")
	}
}

func TestADamagedEntryIsMadeAgain(t *testing.T) {
	c, o := Cache{Dir: t.TempDir()}, options(t, t.TempDir(), "m")
	path := open(t, c, o).Shared.File.Name()
	for name, damage := range map[string]func() error{
		"shorter": func() error { return os.Truncate(path, 100) },
		"longer":  func() error { return os.Truncate(path, 1<<20) },
		"a link": func() error {
			return errors.Join(os.Remove(path), os.Symlink("/dev/zero", path))
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		p, err := c.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := agentOf(t, p); got != "an agent" {
			t.Errorf("%s: the agent is %q", name, got)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatNobodyUsesIsRemoved(t *testing.T) {
	c, programs := Cache{Dir: t.TempDir(), now: later}, t.TempDir()
	o := options(t, programs, "m")
	held := open(t, c, o)
	used := o
	used.Modules = o.Modules[:1]
	usedPath := open(t, c, used).Shared.File.Name()
	age := func(path string, by time.Duration) {
		when := time.Now().Add(-by)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	fresh := put(t, c.Dir, "fresh.cpio", "")
	left := put(t, c.Dir, durable.TempPrefix+"left", "")
	former := put(t, c.Dir, "former.cpio", "")
	foreign := put(t, c.Dir, "notes.txt", "")
	if err := os.Mkdir(filepath.Join(c.Dir, "folder.cpio"), 0o700); err != nil {
		t.Fatal(err)
	}
	all := []string{held.Shared.File.Name(), usedPath, left, former, foreign, filepath.Join(c.Dir, "folder.cpio")}
	for _, path := range append(all, cached(t, c, sumSuffix)...) {
		age(path, keep+time.Hour)
	}
	age(fresh, keep-2*time.Hour)
	open(t, c, used) // is a use

	for _, path := range all {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("nothing was made, and yet: %v", err)
		}
	}
	made := o
	made.Modules = nil
	madePath := open(t, c, made).Shared.File.Name()
	there := func(path string) bool {
		_, err := os.Lstat(path)
		return err == nil
	}
	for path, want := range map[string]bool{
		held.Shared.File.Name(): false, left: false, former: false,
		usedPath: true, madePath: true, fresh: true, foreign: true, filepath.Join(c.Dir, "folder.cpio"): true,
	} {
		if there(path) != want {
			t.Errorf("%q is there: %v, want %v", filepath.Base(path), !want, want)
		}
	}
	if got := cached(t, c, sumSuffix); len(got) != 2 {
		t.Errorf("%d checksums that are in use, want 2", len(got))
	}
	if got := agentOf(t, held); got != "an agent" {
		t.Errorf("who had it open reads %q", got)
	}
	if p := open(t, c, o); p.Shared.File.Name() != held.Shared.File.Name() || agentOf(t, p) != "an agent" {
		t.Error("it is not made again")
	}
}

// Many make, take and remove the same archive at once.
func TestManyAtOnce(t *testing.T) {
	programs := t.TempDir()
	o := options(t, programs, "m")
	c := Cache{Dir: t.TempDir()}
	far := Cache{Dir: c.Dir, now: func() time.Time { return time.Now().Add(2 * keep) }}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				p, err := c.Open(o)
				if errors.Is(err, errGone) {
					continue // removed as often as it was made
				}
				if err != nil {
					t.Error(err)
					return
				}
				if got := agentOf(t, p); got != "an agent" {
					t.Errorf("the agent is %q", got)
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for range 20 {
			entries := cached(t, c, ".cpio")
			for _, path := range entries {
				_ = os.Remove(path)
			}
			time.Sleep(time.Millisecond)
		}
	})
	all.Wait()
	far.prune("")
	if got := cached(t, c, "*"); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
	if got := agentOf(t, open(t, c, o)); got != "an agent" {
		t.Errorf("after all, the agent is %q", got)
	}
}
