package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/guest/kernel"
	"github.com/hullvm/hull/lab"
)

// throwawayIdle ends a throw-away host whose starter was killed.
const throwawayIdle = 30 * time.Second

// Where a lab host's kernel comes from, if nobody says otherwise: Debian's full
// flavour, since the cloud flavour has no 9p.
const (
	labKernel  = "debian"
	labPackage = "linux-image-amd64"
)

type labImages struct{ Kernel, Initrd, Release string }

// prepareLab finds the kernel that a lab host boots, pulling it where it is not
// there yet, and makes its initrd. An empty name means labKernel.
func prepareLab(ctx context.Context, a *app, name string) (labImages, error) {
	if name == "" {
		name = labKernel
	}
	dirs := guest.DirsFromEnv(a.Getenv)
	store := kernel.OpenStore(dirs.Kernels)
	bundle, err := store.Get(name)
	if errors.Is(err, kernel.ErrNotFound) && name == labKernel {
		fmt.Fprintf(a.Stderr, "hull: lab: pulling %s from Debian's archive\n", labPackage)
		bundle, err = store.PullDebian(ctx, kernel.PullOptions{Package: labPackage, Name: labKernel})
	}
	if err != nil {
		return labImages{}, fmt.Errorf("lab: %w", err)
	}
	image, err := kernel.VMLinux(bundle.Image(), bundle.Manifest.Image.SHA256, dirs.Cache)
	if err != nil {
		return labImages{}, fmt.Errorf("lab: %w", err)
	}
	program := filepath.Join(dirs.Programs, "hull-agent")
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		return labImages{}, fmt.Errorf("lab: program %q is not there: make build makes it; HULL_PROGRAMS names another folder", program)
	}
	initrd, err := lab.BuildInitrd(dirs.Cache, bundle, program)
	if err != nil {
		return labImages{}, err
	}
	return labImages{Kernel: image, Initrd: initrd, Release: bundle.Manifest.Release}, nil
}
