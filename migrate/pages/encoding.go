package pages

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Encoding is how the data of a frame is written, as the format numbers it.
type Encoding uint16

// The encodings.
const (
	None Encoding = 0
	LZ4  Encoding = 1 // a block, without a frame
	Zstd Encoding = 2

	lastEncoding = Zstd

	// Auto is none, but has each connection choose what moves most memory.
	Auto Encoding = 1<<16 - 1
)

func (e Encoding) String() string {
	switch e {
	case None:
		return "none"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	case Auto:
		return "auto"
	}
	return fmt.Sprintf("encoding %d", uint16(e))
}

// ParseEncoding is the encoding with a name, auto as well.
func ParseEncoding(name string) (Encoding, error) {
	for _, e := range []Encoding{Auto, None, LZ4, Zstd} {
		if name == e.String() {
			return e, nil
		}
	}
	return 0, fmt.Errorf("compression %q: want auto, none, lz4 or zstd", name)
}

// saving is the part of the data that an encoding has to save: a target should not have
// to decode for nothing.
const saving = 32

// encoder encodes the frames of one connection.
type encoder struct {
	lz4  lz4.Compressor
	zstd *zstd.Encoder // nil until it is used
	room []byte
}

// encode gives data encoded, in room of its own, or as it is where the encoding
// saves too little. size is that of the largest data.
func (e *encoder) encode(as Encoding, data []byte, size int) (Encoding, []byte, error) {
	if as == None {
		return None, data, nil
	}
	if e.room == nil {
		e.room = make([]byte, max(lz4.CompressBlockBound(size), size+size/8+1<<10))
	}
	var b []byte
	switch as {
	case LZ4:
		n, err := e.lz4.CompressBlock(data, e.room)
		if err != nil {
			return None, nil, fmt.Errorf("compress (%v): %w", as, err)
		}
		b = e.room[:n]
	case Zstd:
		if e.zstd == nil {
			var err error
			if e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
				zstd.WithEncoderCRC(false), zstd.WithWindowSize(maxData*PageSize)); err != nil {
				return None, nil, fmt.Errorf("compress (%v): %w", as, err)
			}
		}
		b = e.zstd.EncodeAll(data, e.room[:0])
	}
	if len(b) == 0 || len(b) > len(data)-len(data)/saving {
		return None, data, nil
	}
	return as, b, nil
}

// decoder decodes the frames of one connection.
type decoder struct {
	zstd *zstd.Decoder // nil until it is used
	room []byte
}

// decode gives the size bytes that data is of, which may be data itself. Whatever data
// is, no more than they are written, and no memory is taken for more than a frame may
// have.
func (d *decoder) decode(as Encoding, data []byte, size int) ([]byte, error) {
	if as == None {
		return data, nil
	}
	if d.room == nil {
		d.room = make([]byte, maxData*PageSize)
	}
	n := 0
	var err error
	switch as {
	case LZ4:
		n, err = lz4.UncompressBlock(data, d.room[:size])
	case Zstd:
		if d.zstd == nil {
			if d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxMemory(maxData*PageSize), zstd.WithDecodeAllCapLimit(true)); err != nil {
				return nil, fmt.Errorf("decompress (%v): %w", as, err)
			}
		}
		var b []byte
		b, err = d.zstd.DecodeAll(data, d.room[:0:size])
		n = len(b)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("decompress (%v): %w", as, err)
	case n != size:
		return nil, fmt.Errorf("decompress (%v): %d bytes, want %d", as, n, size)
	}
	return d.room[:size], nil
}

func (d *decoder) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}

func (e *encoder) close() {
	if e.zstd != nil {
		_ = e.zstd.Close() // it writes nothing: it was never given a stream
	}
}
