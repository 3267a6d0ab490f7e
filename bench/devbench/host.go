package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/network/tap"
)

const (
	scratchFile = "scratch.img"
	scratchSize = 256 << 20
)

// host is what all machines of a run find on the host.
type host struct {
	options options
	dir     string // a tmpfs, with both disks' images
	servers *servers
	closers []func() error
	nextCID int
}

// openHost makes the taps, the disks in memory and the host's servers.
func openHost(o options) (_ *host, err error) {
	h := &host{options: o, nextCID: 100}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.dir, err = os.MkdirTemp("", "devbench"); err != nil {
		return nil, err
	}
	h.onClose(func() error { return os.Remove(h.dir) })
	if err := unix.Mount("devbench", h.dir, "tmpfs", 0, "mode=0700"); err != nil {
		return nil, fmt.Errorf("disks: tmpfs: mount: %w", err)
	}
	h.onClose(func() error { return unix.Unmount(h.dir, unix.MNT_DETACH) })
	if _, err := copyFile(filepath.Join(o.dir, imageFile), filepath.Join(h.dir, imageFile)); err != nil {
		return nil, err
	}
	if err := fill(filepath.Join(h.dir, scratchFile)); err != nil {
		return nil, err
	}
	for _, n := range networks {
		if err := h.addTap(n); err != nil {
			return nil, err
		}
	}
	if h.servers, err = serve(); err != nil {
		return nil, err
	}
	h.onClose(h.servers.close)
	return h, nil
}

func (h *host) onClose(f func() error) { h.closers = append(h.closers, f) }

// close undoes all of openHost, the last first.
func (h *host) close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i]())
	}
	h.closers = nil
	return errors.Join(errs...)
}

// addTap makes a tap that stays while monitors come and go.
func (h *host) addTap(n network) error {
	t, err := tap.Open(n.tap, tap.Options{VNetHdr: true, Persistent: true, Exclusive: true})
	if err != nil {
		return err
	}
	h.onClose(func() error { return tap.Remove(n.tap) })
	if err := t.Close(); err != nil {
		return err
	}
	link, err := netlink.LinkByName(n.tap)
	if err != nil {
		return fmt.Errorf("tap %q: %w", n.tap, err)
	}
	address, err := netlink.ParseAddr(n.host + "/24")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, address); err != nil {
		return fmt.Errorf("tap %q: address %s: %w", n.tap, n.host, err)
	}
	return tap.Configure(n.tap, tap.Link{Up: true})
}

// fill makes the disk that is measured, with all its blocks in memory: reads of
// holes would be another thing than reads.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	chunk := make([]byte, 1<<20)
	_, _ = rand.New(rand.NewSource(1)).Read(chunk)
	for range scratchSize / len(chunk) {
		if _, err := f.Write(chunk); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// discard is where a console goes that nobody wants to see.
func (o options) console() io.Writer {
	if o.verbose {
		return os.Stderr
	}
	return io.Discard
}
