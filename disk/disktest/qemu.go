// Package disktest is what tests of disk images share.
package disktest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/hullvm/hull/internal/hosttest"
)

// Run runs a program and returns its output. It has to succeed.
func Run(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	hosttest.Need(t, program, "qemu-utils")
	cmd := exec.Command(program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out, &stderr)
	}
	return out
}

// QemuImg runs qemu-img.
func QemuImg(t testing.TB, args ...string) { t.Helper(); Run(t, "qemu-img", args...) }

// Report is what qemu-img check says of an image.
type Report struct {
	Corruptions int64 `json:"corruptions"`
	Leaks       int64 `json:"leaks"`
	Errors      int64 `json:"check-errors"`
}

// Check runs qemu-img check on a qcow2 image.
func Check(t testing.TB, path string) Report {
	t.Helper()
	hosttest.Need(t, "qemu-img", "qemu-utils")
	// It exits with 2 where there are corruptions and 3 where there are leaks.
	out, err := exec.Command("qemu-img", "check", "-f", "qcow2", "--output=json", path).Output()
	var r Report
	if jsonErr := json.Unmarshal(out, &r); jsonErr != nil {
		t.Fatalf("qemu-img check %s: %v, %v\n%s", path, err, jsonErr, out)
	}
	return r
}

// Clean checks that qemu-img finds nothing wrong with a qcow2 image.
func Clean(t testing.TB, path string) {
	t.Helper()
	if r := Check(t, path); r != (Report{}) {
		out, _ := exec.Command("qemu-img", "check", "-f", "qcow2", path).CombinedOutput()
		t.Errorf("%s: %+v\n%s", path, r, out[:min(len(out), 2000)])
	}
}

// Try runs a program and returns all that it says.
func Try(program string, args ...string) (string, error) {
	out, err := exec.Command(program, args...).CombinedOutput()
	return string(out), err
}

// Hold runs qemu-io until stop is called, and returns once it has opened its
// file.
func Hold(t testing.TB, program string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(program, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "length\n"); err != nil {
		t.Fatal(err)
	}
	// Its answer comes after the file is open.
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%s %q: %v", program, args, err)
		}
		if strings.Contains(line, "KiB") || strings.Contains(line, "MiB") {
			break
		}
	}
	return func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
	}
}
