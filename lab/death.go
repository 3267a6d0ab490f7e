package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

// dyingTime is how long an emulator may take to end after its agent is gone.
const dyingTime = 3 * time.Second

// consoleLines is how many lines of a dead host's console a list shows.
const consoleLines = 12

// death is how a host ended that nobody had told to.
type death struct {
	Time time.Time `json:"time"`
	Why  string    `json:"why"`
}

// died waits until it is known how the host ended. It is for when the emulator
// is gone, or the agent is.
func (k *keeper) died() death {
	k.dyingOnce.Do(func() {
		select {
		case <-k.exited:
		case <-time.After(dyingTime): // the agent's end is seen before the emulator's
		}
		k.dying = death{Time: time.Now(), Why: k.fate()}
	})
	return k.dying
}

// fate says what became of the emulator.
func (k *keeper) fate() string {
	select {
	case <-k.exited:
	default:
		return fmt.Sprintf("the emulator runs, but the connection to the agent in it is gone: %v", k.client.Err())
	}
	return "the emulator ended: " + emulatorEnd(k.qemu.ProcessState.Sys())
}

// emulatorEnd says what the end of an emulator means that nobody told to quit.
func emulatorEnd(state any) string {
	status, ok := state.(syscall.WaitStatus)
	switch {
	case !ok:
		return "nobody knows how"
	case status.Signaled() && status.CoreDump():
		return fmt.Sprintf("signal %d (%v), and it dumped core", int(status.Signal()), status.Signal())
	case status.Signaled():
		return fmt.Sprintf("signal %d (%v)", int(status.Signal()), status.Signal())
	case status.ExitStatus() == 0:
		// With -no-reboot a reset is the end, and a kernel that panicked resets
		// (panic=-1).
		return "exit status 0, so the host turned itself off or reset itself, as its kernel does after a panic"
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// explain is what a caller is told whose command failed because of err: where
// the host has died, how it did.
func (k *keeper) explain(err error) string {
	// Commands are told of the connection's end before the client is done.
	if !errors.Is(err, agent.ErrDisconnected) {
		select {
		case <-k.exited:
		case <-k.client.Done():
		default:
			return err.Error()
		}
	}
	return "the host has died: " + k.died().Why + lastWords(k.dir) + "\n" + whereKept(k.dir)
}

// lastWords are the ends of what a dead host's emulator and kernel said.
func lastWords(dir string) string {
	return tail(filepath.Join(dir, emulatorLog)) + tail(filepath.Join(dir, consoleLog))
}

// ConsoleEnd is the last few lines of what the kernel of a host said, given the
// host's directory, or nothing.
func ConsoleEnd(dir string) string {
	lines := strings.Split(logEnd(filepath.Join(dir, consoleLog)), "\n")
	return strings.Join(lines[max(0, len(lines)-consoleLines):], "\n")
}

// whereKept says where the files of a dead host are, and will be.
func whereKept(dir string) string {
	state, name := filepath.Dir(dir), filepath.Base(dir)
	return fmt.Sprintf("its files are in %s, and in %s once a host of that name is started again",
		dir, filepath.Join(state, nextRemains(state, remainsBase(name))))
}

// tail is the end of a log for an error's text, or nothing.
func tail(path string) string {
	text := logEnd(path)
	if text == "" {
		return ""
	}
	return fmt.Sprintf("\n%s ends:\n%s", filepath.Base(path), text)
}

// lastLine is that of a log, or nothing.
func lastLine(path string) string {
	text := logEnd(path)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// logEnd is the last of a log, without the line's end, or nothing where it
// cannot be read.
func logEnd(path string) string {
	const most = 4096
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\r\n")
}
