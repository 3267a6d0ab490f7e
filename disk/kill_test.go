package disk_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/disk/disktest"
	"github.com/hullvm/hull/disk/vectors"
)

// victimVariable makes the test binary the process that is killed: "path seed".
const victimVariable = "HULL_DISK_VICTIM"

func TestMain(m *testing.M) {
	if v := os.Getenv(victimVariable); v != "" {
		if err := victim(v); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	victimWriters = 4
	victimBlocks  = 512 // of victimBlock bytes; block i belongs to writer i%victimWriters
	victimBlock   = 4096
)

// victim writes to the image until it is killed. It says what it is about to
// write ("w BLOCK NUMBER") and what has been flushed since ("f WRITER NUMBER":
// all of the writer's up to there).
func victim(arg string) error {
	path, seed, _ := strings.Cut(arg, " ")
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	image, err := disk.Open(path, disk.Options{Format: disk.QCOW2, Lock: true, BackingAllowed: []string{filepath.Dir(path)}})
	if err != nil {
		return err
	}
	var mu sync.Mutex // for a line
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format, args...)
	}
	say("ready\n")
	var wg sync.WaitGroup
	for w := range victimWriters {
		r := rand.New(rand.NewPCG(n, uint64(w)))
		wg.Go(func() {
			p := make([]byte, victimBlock)
			for i := n; ; i++ {
				block := r.IntN(victimBlocks/victimWriters)*victimWriters + w
				for j := 0; j < victimBlock; j += 8 {
					binary.LittleEndian.PutUint64(p[j:], i)
				}
				say("w %d %d\n", block, i)
				var err error
				if r.IntN(10) == 0 {
					// Other blocks of the same clusters stay as they are.
					err = image.WriteZeroes(int64(block)*victimBlock, victimBlock, true)
				}
				if err == nil {
					err = image.Writev(vectors.Of(nil, p), int64(block)*victimBlock)
				}
				if err == nil && r.IntN(8) == 0 {
					// Clusters of nobody's, to be given back.
					err = image.Writev(vectors.Of(nil, p), (victimBlocks+r.Int64N(victimBlocks))*victimBlock)
					if err == nil {
						err = image.Discard((victimBlocks+r.Int64N(victimBlocks/2))*victimBlock, 64<<10)
					}
				}
				if err == nil && r.IntN(20) == 0 {
					if err = image.Flush(); err == nil {
						say("f %d %d\n", w, i)
					}
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// killOne runs a victim on the image, kills it, and returns what it had said.
func killOne(t *testing.T, path string, seed uint64, after int) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", victimVariable, path, seed))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	in := bufio.NewReader(out)
	for range after {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		said.WriteString(line)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(in)
	said.Write(rest)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(interface{ Signal() unix.Signal }) == nil && !exit.Success() {
		t.Fatalf("the victim ended by itself: %v", err)
	}
	return said.String()
}

// Killed at any moment, the image has no error, and every flushed write.
func TestKilledWriters(t *testing.T) {
	rounds := 50 // a kill each
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	r := random(t)
	path := filepath.Join(dir, "disk")
	const size = 2 * victimBlocks * victimBlock
	writeFile(t, filepath.Join(dir, "base"), make([]byte, size))
	if err := disk.Create(path, disk.CreateOptions{Format: disk.QCOW2, Size: size, ClusterSize: 16 << 10, Backing: "base", BackingFormat: disk.Raw}); err != nil {
		t.Fatal(err)
	}
	low := make([]uint64, victimBlocks)   // the last known to be durable
	high := make([]uint64, victimBlocks)  // the last that may have been begun
	first := make([]uint64, victimBlocks) // the first since the last known
	var leaks, leaky int64
	start := time.Now()
	for round := range rounds {
		seed := uint64(round+1) << 32
		said := killOne(t, path, seed, 1+r.IntN(600))
		for line := range strings.Lines(said) {
			var a int
			var n uint64
			switch {
			case scan(line, "w %d %d\n", &a, &n):
				high[a] = n
				if first[a] == 0 {
					first[a] = n
				}
			case scan(line, "f %d %d\n", &a, &n):
				for b := a; b < victimBlocks; b += victimWriters {
					low[b], first[b] = high[b], 0
				}
			}
		}
		report := disktest.Check(t, path)
		if report.Corruptions > 0 || report.Errors > 0 {
			t.Fatalf("round %d: %+v", round, report)
		}
		leaks += report.Leaks
		if report.Leaks > 0 {
			leaky++
		}
		image := open(t, path, disk.Options{Format: disk.QCOW2, ReadOnly: true})
		p := make([]byte, victimBlock)
		for b := range victimBlocks {
			if err := image.Readv(vectors.Of(nil, p), int64(b)*victimBlock); err != nil {
				t.Fatal(err)
			}
			for i := 0; i < victimBlock; i += 512 {
				got := binary.LittleEndian.Uint64(p[i:])
				// Zeroes are a write's first half, if there was one.
				if got != low[b] && (first[b] == 0 || got != 0 && (got < first[b] || got > high[b])) {
					t.Fatalf("round %d: block %d holds %d, want %d or %d to %d", round, b, got, low[b], first[b], high[b])
				}
			}
			// What is there now stays.
			low[b] = binary.LittleEndian.Uint64(p)
			high[b], first[b] = low[b], 0
		}
		closeImage(t, image)
		if report.Leaks > 0 {
			disktest.QemuImg(t, "check", "-q", "-r", "leaks", path)
		}
	}
	t.Logf("%d kills in %v: %d of them left leaks, %d clusters in all", rounds, time.Since(start).Round(time.Millisecond), leaky, leaks)
}

func scan(line, format string, args ...any) bool {
	n, err := fmt.Sscanf(line, format, args...)
	return err == nil && n == len(args)
}
