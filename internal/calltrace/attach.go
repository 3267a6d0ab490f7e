package calltrace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// Counts are how often each call was made, by its name, or for an ioctl by the number
// of its request.
type Counts struct {
	Calls    map[string]int `json:"calls"`
	Requests map[uint32]int `json:"requests"`
}

// argument makes a test's program one that traces: a process is not traced by one that
// waits for its end as well.
const argument = "-hull-trace-calls"

// Main is to be called first in TestMain. Where the program was started by Attach it
// does not return.
func Main() {
	if len(os.Args) != 3 || os.Args[1] != argument {
		return
	}
	err := trace(os.Args[2])
	if err != nil {
		fmt.Fprintf(os.Stderr, "trace: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Tracer is a process that counts.
type Tracer struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

// attached is what a tracer says when it counts.
const attached = "attached\n"

// Attach begins to count the calls of a process, and of the threads and processes that
// it starts.
func Attach(pid int) (*Tracer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	t := &Tracer{cmd: exec.Command(self, argument, strconv.Itoa(pid))}
	t.cmd.Stderr = os.Stderr
	out, err := t.cmd.StdoutPipe()
	if err == nil {
		err = t.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReader(out)
	if line, err := t.out.ReadString('\n'); err != nil || line != attached {
		return nil, errors.Join(fmt.Errorf("trace of process %d: it says %q", pid, line), err, t.cmd.Wait())
	}
	return t, nil
}

// Counts waits for the end of all that is traced.
func (t *Tracer) Counts() (Counts, error) {
	var c Counts
	text, err := io.ReadAll(t.out)
	if err = errors.Join(err, t.cmd.Wait()); err != nil {
		return c, err
	}
	return c, json.Unmarshal(text, &c)
}

// Missing says why nobody can be traced here; it is empty where that can be.
func Missing() string {
	if unix.Geteuid() != 0 {
		return "root, who may trace a process that allows it to nobody"
	}
	return ""
}
