package main

import (
	"fmt"
	"io"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/vmm"
)

// writeInitrd copies an initrd into one file, for another monitor or to look into:
// a machine's own part of it lies in no file. An empty path is none.
func writeInitrd(path string, initrd vmm.Image) error {
	switch {
	case path == "":
		return nil
	case initrd.File == nil:
		return fmt.Errorf("--write-initrd %q: the machine has no initrd", path)
	}
	return durable.WriteFile(path, 0o600, func(w io.Writer) error { // it may hold secrets
		n, err := io.Copy(w, io.NewSectionReader(initrd.File, 0, initrd.Size))
		if err == nil && n < initrd.Size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("initrd %q: copy to %q: %w", initrd.Name, path, err)
		}
		return nil
	})
}
