package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/internal/durable"
)

// VMLinux returns the path of the decompressed kernel of a bzImage: a file in
// cacheDir that is named by the image's content, and made where it is not there.
// sum is the image's SHA-256 in hexadecimal where the caller knows it, or empty.
// An image that is an ELF file already is returned as it is.
//
// An entry of the cache has its own checksum behind the kernel. It is held
// against the file's length each time, and against the content when the entry
// is made; VerifyVMLinux does the latter again.
func VMLinux(image, sum, cacheDir string) (string, error) {
	if sum != "" {
		if path := vmlinuxPath(cacheDir, sum); entryIsWhole(path) {
			return path, nil
		}
	}
	f, err := openRegular(image)
	if err != nil {
		return "", fmt.Errorf("kernel image %q: open: %w", image, err)
	}
	content, err := readCapped(f, maxImage)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("kernel image %q: read: %w", image, err)
	}
	kind, _, err := identify(content)
	if err != nil {
		return "", fmt.Errorf("kernel image %q: %w", image, err)
	}
	if kind == kindELF {
		return image, nil
	}
	digest := sha256.Sum256(content)
	path := vmlinuxPath(cacheDir, hex.EncodeToString(digest[:]))
	if entryIsWhole(path) {
		return path, nil
	}
	packed, err := payload(content)
	if err != nil {
		return "", fmt.Errorf("kernel image %q: %w", image, err)
	}
	vmlinux, err := unpackPayload(packed)
	if err != nil {
		return "", fmt.Errorf("kernel image %q: %w", image, err)
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return "", fmt.Errorf("cache %q: create: %w", cacheDir, reason(err))
	}
	err = durable.WriteFile(path, 0o644, func(w io.Writer) error {
		if _, err := w.Write(vmlinux); err != nil {
			return err
		}
		_, err := w.Write(trailer(vmlinux))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("cache: %w", err)
	}
	return path, nil
}

func vmlinuxPath(cacheDir, sum string) string { return filepath.Join(cacheDir, "vmlinux-"+sum) }

// The trailer of a cache entry: a magic, the kernel's length in 8 bytes, its
// SHA-256. ELF loaders do not look behind what the headers name.
const (
	trailerMagic = "HULLVMLX"
	trailerSize  = len(trailerMagic) + 8 + sha256.Size
)

func trailer(vmlinux []byte) []byte {
	b := binary.LittleEndian.AppendUint64([]byte(trailerMagic), uint64(len(vmlinux)))
	sum := sha256.Sum256(vmlinux)
	return append(b, sum[:]...)
}

// readTrailer returns the checksum of a cache entry of the right length.
func readTrailer(f *os.File) (sum []byte, length int64, ok bool) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < int64(trailerSize) {
		return nil, 0, false
	}
	b := make([]byte, trailerSize)
	length = info.Size() - int64(trailerSize)
	if _, err := f.ReadAt(b, length); err != nil {
		return nil, 0, false
	}
	n := len(trailerMagic)
	if string(b[:n]) != trailerMagic || binary.LittleEndian.Uint64(b[n:]) != uint64(length) {
		return nil, 0, false
	}
	return b[n+8:], length, true
}

// entryIsWhole is the cheap look: the entry's length and its trailer.
func entryIsWhole(path string) bool {
	f, err := openRegular(path)
	if err != nil {
		return false
	}
	defer f.Close() // only read
	_, _, ok := readTrailer(f)
	return ok
}

// VerifyVMLinux holds a file that VMLinux returned from its cache against its
// checksum, and removes it where they differ, so that it is made anew.
func VerifyVMLinux(path string) error {
	f, err := openRegular(path)
	if err != nil {
		return fmt.Errorf("cache entry %q: open: %w", path, err)
	}
	defer f.Close() // only read
	want, length, ok := readTrailer(f)
	if ok {
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, 0, length)); err != nil {
			return fmt.Errorf("cache entry %q: read: %w", path, err)
		}
		if string(h.Sum(nil)) == string(want) {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("cache entry %q: damaged", path), os.Remove(path))
}
