package machine

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// guestPrograms are what guestside does, by its first argument.
var guestPrograms = map[string]func(args []string) error{
	"addresses":  guestAddresses,
	"burst":      guestBurst,
	"check-file": guestCheckFile,
	"disk":       guestDisk,
	"echo":       guestEcho,
	"load":       guestLoad,
	"many-files": guestManyFiles,
	"memory":     guestMemory,
	"signals":    guestSignals,
	"call":       guestCall,
	"window":     guestWindow,
	"write-file": guestWriteFile,
}

// guestMain is the whole program in the guest.
func guestMain(args []string) int {
	if len(args) == 0 || guestPrograms[args[0]] == nil {
		fmt.Fprintf(os.Stderr, "guestside: what is %q?\n", args)
		return 2
	}
	if err := guestPrograms[args[0]](args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "guestside: %s: %v\n", strings.Join(args, " "), err)
		return 1
	}
	return 0
}

// numbers reads arguments that are all numbers.
func numbers(args []string, count int) ([]int64, error) {
	if len(args) != count {
		return nil, fmt.Errorf("%d arguments, want %d", len(args), count)
	}
	list := make([]int64, count)
	for i, a := range args {
		n, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			return nil, err
		}
		list[i] = n
	}
	return list, nil
}

// guestBurst writes SEED's SIZE bytes on standard output and ends at once.
func guestBurst(args []string) error {
	n, err := numbers(args, 2)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, pattern(uint64(n[0]), n[1]))
	return err
}

// guestSignals says which signals it gets, until SIGTERM.
func guestSignals([]string) error {
	c := make(chan os.Signal, 16)
	signal.Notify(c, unix.SIGHUP, unix.SIGUSR1, unix.SIGTERM)
	fmt.Println("listening")
	for s := range c {
		fmt.Println("got", unix.SignalName(s.(unix.Signal)))
		if s == unix.SIGTERM {
			return nil
		}
	}
	return nil
}

// guestWindow says the size of its terminal, again when it changes, until its
// input ends.
func guestWindow([]string) error {
	c := make(chan os.Signal, 16)
	signal.Notify(c, unix.SIGWINCH)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	for {
		size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
		if err != nil {
			return err
		}
		fmt.Printf("window %dx%d\n", size.Row, size.Col)
		select {
		case <-c:
		case err := <-ended:
			return err
		}
	}
}

// guestMemory touches SIZE bytes of memory, waits for its input's end, and gives
// them back.
func guestMemory(args []string) error {
	n, err := numbers(args, 1)
	if err != nil {
		return err
	}
	b, err := unix.Mmap(-1, 0, int(n[0]), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = byte(i>>12) | 1
	}
	fmt.Println("touched")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	for i := 0; i < len(b); i += 4096 {
		if b[i] != byte(i>>12)|1 {
			return fmt.Errorf("byte %d of the memory has changed", i)
		}
	}
	return unix.Munmap(b)
}
