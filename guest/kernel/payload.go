package kernel

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

// Fields of the real-mode header that say where the compressed kernel is.
const (
	hdrSetupSects    = 0x1f1 // u8
	hdrPayloadOffset = 0x248 // u32, from the end of the setup code
	hdrPayloadLength = 0x24c // u32
	hdrPayloadEnd    = 0x250
	defaultSects     = 4
	sizeTrailer      = 4 // u32 of the decompressed size, behind the payload

	// maxVMLinux is the largest decompressed kernel, in bytes.
	maxVMLinux = 512 << 20
)

// payload is the compressed kernel inside a bzImage.
func payload(image []byte) ([]byte, error) {
	if kind, _, err := identify(image); err != nil || kind != kindBzImage {
		return nil, errors.Join(errors.New("not a bzImage"), err)
	}
	if len(image) < hdrPayloadEnd {
		return nil, errors.New("the header is cut off")
	}
	le := binary.LittleEndian
	sects := int64(image[hdrSetupSects])
	if sects == 0 {
		sects = defaultSects
	}
	at := (sects+1)*setupSectorSize + int64(le.Uint32(image[hdrPayloadOffset:]))
	n := int64(le.Uint32(image[hdrPayloadLength:]))
	if n <= sizeTrailer || at > int64(len(image)) || n > int64(len(image))-at {
		return nil, fmt.Errorf("a payload of %d bytes at %#x passes the file's end: it is cut off", n, at)
	}
	return image[at : at+n], nil
}

// unpackPayload decompresses a payload by its magic bytes, and checks that an
// x86-64 kernel came out.
func unpackPayload(p []byte) ([]byte, error) {
	r, err := payloadReader(p)
	if err != nil {
		return nil, err
	}
	vmlinux, err := readCapped(r, maxVMLinux)
	if err != nil && len(vmlinux) == 0 {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if err := checkELF(vmlinux); err != nil {
		return nil, fmt.Errorf("decompressed kernel: %w", err)
	}
	return vmlinux, nil
}

func payloadReader(p []byte) (io.Reader, error) {
	starts := func(magic string) bool { return bytes.HasPrefix(p, []byte(magic)) }
	switch {
	case starts("\x1f\x8b"):
		r, err := gzip.NewReader(bytes.NewReader(p))
		if err != nil {
			return nil, err
		}
		r.Multistream(false) // the size follows, which is no second stream
		return r, nil
	case starts("\xfd7zXZ\x00"):
		r, err := xz.NewReader(bytes.NewReader(p[:len(p)-sizeTrailer]), maxXZDict)
		if err != nil {
			return nil, err
		}
		return r, nil
	case starts("\x28\xb5\x2f\xfd"):
		r, err := zstd.NewReader(bytes.NewReader(p[:len(p)-sizeTrailer]),
			zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxVMLinux), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return r.IOReadCloser(), nil
	case starts("\x02\x21\x4c\x18"):
		return lz4Legacy(p[4 : len(p)-sizeTrailer])
	case starts("BZh"):
		return bzip2.NewReader(bytes.NewReader(p)), nil
	case starts(elf.ELFMAG):
		return bytes.NewReader(p), nil
	default:
		return nil, fmt.Errorf("a payload packed in a way that is not known (it begins with % x): boot it with protocol bzimage", p[:min(len(p), 4)])
	}
}

// lz4Block is the size of a block of the legacy format before it was packed.
const lz4Block = 8 << 20

// lz4Legacy reads LZ4's legacy frame, which Linux uses: blocks, each behind its
// packed length, to the end.
func lz4Legacy(p []byte) (io.Reader, error) {
	var out []byte
	block := make([]byte, lz4Block)
	for len(p) >= 4 {
		n := int64(binary.LittleEndian.Uint32(p))
		p = p[4:]
		if n == 0 || n > int64(len(p)) {
			return nil, fmt.Errorf("lz4: a block of %d bytes with %d left", n, len(p))
		}
		size, err := lz4.UncompressBlock(p[:n], block)
		if err != nil {
			return nil, fmt.Errorf("lz4: %w", err)
		}
		if len(out)+size > maxVMLinux {
			return nil, fmt.Errorf("lz4: more than %d bytes", maxVMLinux)
		}
		out = append(out, block[:size]...)
		p = p[n:]
	}
	return bytes.NewReader(out), nil
}
