package control

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxFrame is the most bytes of JSON that a frame may have.
const MaxFrame = 1 << 20

// headerSize is the bytes of a frame's length, little-endian.
const headerSize = 4

// readFrame reads the JSON of one frame. The error is io.EOF where the stream ends
// before it. Memory is taken as bytes come, not as they are announced.
func readFrame(r io.Reader) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(header[:])
	if n == 0 || n > MaxFrame {
		return nil, fmt.Errorf("frame of %d bytes: want 1 to %d", n, MaxFrame)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("frame of %d bytes: %w", n, err)
	}
	return b.Bytes(), nil
}

// errTooLarge says that a value makes no frame.
var errTooLarge = fmt.Errorf("more than %d bytes", MaxFrame)

// encodeFrame makes the frame of a value.
func encodeFrame(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(text) > MaxFrame {
		return nil, errTooLarge
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...), nil
}

// decode reads the one JSON value that text has to be, with no field that v has not.
func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}
