package kernel

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// decompressor reads the stream r, which is packed as the suffix of its name
// says: ".xz", ".zst", ".gz" or nothing. The window a stream asks for is
// capped; its length is the caller's to cap.
func decompressor(suffix string, r io.Reader) (io.ReadCloser, error) {
	switch suffix {
	case "":
		return io.NopCloser(r), nil
	case ".gz":
		return gzip.NewReader(r)
	case ".xz":
		x, err := xz.NewReader(r, maxXZDict)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(x), nil
	case ".zst":
		z, err := zstd.NewReader(
			r,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxZstdWindow),
			zstd.WithDecoderLowmem(true),
		)
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	default:
		return nil, fmt.Errorf("compression %q is not known", suffix)
	}
}

// packing is the suffix of a file's name that decompressor takes.
func packing(name string) string {
	for _, s := range []string{".xz", ".zst", ".gz"} {
		if len(name) > len(s) && name[len(name)-len(s):] == s {
			return s
		}
	}
	return ""
}

// unpackModule returns a module's content as the kernel takes it.
func unpackModule(file string, packed []byte) ([]byte, error) {
	r, err := decompressor(packing(file), bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer r.Close() // nothing to flush: the content was read or refused
	return readCapped(r, maxModule)
}

// readCapped reads all of r, and fails where that is more than limit bytes.
func readCapped(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("more than %d bytes", limit)
	}
	return b, nil
}
