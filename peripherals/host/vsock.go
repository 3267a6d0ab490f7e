package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
	"github.com/hullvm/hull/peripherals/handover"
)

func (h *Host) openVsock(m *configs.Machine) error {
	path := m.Vsock.Path
	if path == "" {
		return nil
	}
	if err := h.vsock(path); err != nil {
		return fmt.Errorf("vsock: %w", err)
	}
	return nil
}

func (h *Host) vsock(path string) error {
	if h.options.Monitor {
		broker, theirs, err := unixsock.NewBroker(path)
		if err != nil {
			return err
		}
		h.Files.Add(handover.Broker, "", theirs)
		served := make(chan error, 1)
		go func() { served <- broker.Serve() }()
		h.onClose("vsock", func() error { return errors.Join(broker.Close(), <-served) })
	} else {
		dialer, err := unixsock.NewDialer(path)
		if err != nil {
			return err
		}
		h.VsockHost = dialer
	}
	listener, err := unixsock.Listen(path)
	if err != nil {
		return err
	}
	// The socket's name is this process's, the listener whose that takes the
	// descriptor: with its end, clients find nobody.
	listener.SetUnlinkOnClose(false)
	made, err := os.Lstat(path)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	h.onClose("vsock", func() error { return removeSocket(path, made) })
	f, err := listener.File()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	h.Files.Add(handover.Vsock, "", f)
	return listener.Close()
}

// removeSocket removes what was made, and leaves what another machine has put in
// its place since.
func removeSocket(path string, made fs.FileInfo) error {
	now, err := os.Lstat(path)
	if err == nil && os.SameFile(now, made) && now.ModTime().Equal(made.ModTime()) { // numbers of files are used again
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
