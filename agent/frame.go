package agent

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The frame header, docs/agent-protocol.md section 2. Offsets in bytes.
const (
	frameMarker = 0xf7 // byte 0 of each frame and each hello

	offFrameType    = 1
	offFrameChannel = 2
	offFrameFlags   = 3
	offFrameProcess = 4
	offFrameLength  = 8
	frameHeaderSize = 12

	// maxPayload is the longest payload of one frame, in bytes.
	maxPayload = 65536

	// flagMore says that the SPAWN goes on in the next frame.
	flagMore = 1 << 0
)

// frameType is the second byte of a frame. Types from 0x80 come from the server.
type frameType uint8

// Frame types, docs/agent-protocol.md section 2.
const (
	typeSpawn   frameType = 0x01
	typeData    frameType = 0x02
	typeClose   frameType = 0x03
	typeCredit  frameType = 0x04
	typeSignal  frameType = 0x05
	typeResize  frameType = 0x06
	typePing    frameType = 0x07
	typeBye     frameType = 0x08
	typeStarted frameType = 0x81
	typeRefused frameType = 0x82
	typeExit    frameType = 0x83
	typePong    frameType = 0x87
)

// channel names one of a process's streams.
type channel uint8

const (
	chanStdin  channel = 0
	chanStdout channel = 1
	chanStderr channel = 2
)

// payloadLimits gives the shortest and longest payload of each frame type, in
// bytes. A type that is not here does not exist.
var payloadLimits = map[frameType]struct{ min, max uint32 }{
	typeSpawn:   {1, maxPayload},
	typeData:    {1, maxPayload},
	typeClose:   {0, 0},
	typeCredit:  {4, 4},
	typeSignal:  {8, 8},
	typeResize:  {4, 4},
	typePing:    {0, 64},
	typeBye:     {0, 0},
	typeStarted: {4, 4},
	typeRefused: {4, 4096},
	typeExit:    {exitSize, exitSize},
	typePong:    {0, 64},
}

// frame is one frame. Its payload is valid until the next one is read.
type frame struct {
	kind    frameType
	channel channel
	more    bool
	process uint32
	payload []byte
}

// errGarbage says that the bytes read are no frame; the session is over.
var errGarbage = errors.New("not a frame of the agent's protocol")

// check refuses a frame that the protocol does not know. length is that of the
// payload, which need not be there yet.
func (f *frame) check(length uint32) error {
	limits, known := payloadLimits[f.kind]
	switch {
	case !known:
		return fmt.Errorf("type %#x: %w", uint8(f.kind), errGarbage)
	case length < limits.min || length > limits.max:
		return fmt.Errorf("type %#x with %d bytes of payload: %w", uint8(f.kind), length, errGarbage)
	case f.channel > chanStderr:
		return fmt.Errorf("channel %d: %w", f.channel, errGarbage)
	case f.more && f.kind != typeSpawn:
		return fmt.Errorf("type %#x with a continuation: %w", uint8(f.kind), errGarbage)
	}
	streams := f.kind == typeData || f.kind == typeClose || f.kind == typeCredit
	if f.channel != 0 && !streams {
		return fmt.Errorf("type %#x on channel %d: %w", uint8(f.kind), f.channel, errGarbage)
	}
	whole := f.kind == typePing || f.kind == typePong || f.kind == typeBye
	if whole != (f.process == 0) {
		return fmt.Errorf("type %#x for process %d: %w", uint8(f.kind), f.process, errGarbage)
	}
	return nil
}

// append adds the frame's bytes to b.
func (f *frame) append(b []byte) []byte {
	var flags byte
	if f.more {
		flags |= flagMore
	}
	b = append(b, frameMarker, byte(f.kind), byte(f.channel), flags)
	b = binary.LittleEndian.AppendUint32(b, f.process)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.payload)))
	return append(b, f.payload...)
}

// frameReader takes frames and hellos off a pipe.
type frameReader struct {
	r   *bufio.Reader
	buf []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, maxPayload), buf: make([]byte, maxPayload)}
}

// next reads one frame or one hello of the kind wanted (magicClient or
// magicServer); exactly one of the two is returned. It returns errGarbage,
// having taken nothing, when the next bytes are neither, io.EOF at the end
// between two frames and io.ErrUnexpectedEOF within one.
func (fr *frameReader) next(magic string) (*frame, *hello, error) {
	head, err := fr.r.Peek(frameHeaderSize)
	if len(head) >= 1 && head[0] != frameMarker {
		return nil, nil, fmt.Errorf("first byte %#x: %w", head[0], errGarbage)
	}
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, nil, err
	}
	if string(head[:len(magic)]) == magic {
		var raw [helloSize]byte
		if _, err := io.ReadFull(fr.r, raw[:]); err != nil {
			return nil, nil, unexpected(err)
		}
		h := decodeHello(&raw)
		return nil, &h, nil
	}
	f := frame{
		kind:    frameType(head[offFrameType]),
		channel: channel(head[offFrameChannel]),
		more:    head[offFrameFlags]&flagMore != 0,
		process: binary.LittleEndian.Uint32(head[offFrameProcess:]),
	}
	length := binary.LittleEndian.Uint32(head[offFrameLength:])
	if head[offFrameFlags]&^flagMore != 0 {
		return nil, nil, fmt.Errorf("flags %#x: %w", head[offFrameFlags], errGarbage)
	}
	if err := f.check(length); err != nil {
		return nil, nil, err
	}
	if _, err := fr.r.Discard(frameHeaderSize); err != nil {
		return nil, nil, unexpected(err)
	}
	f.payload = fr.buf[:length] // check has capped it
	if _, err := io.ReadFull(fr.r, f.payload); err != nil {
		return nil, nil, unexpected(err)
	}
	return &f, nil, nil
}

// skip drops at least one byte, and then all up to the next place where a
// hello with this magic may begin.
func (fr *frameReader) skip(magic string) error {
	for {
		if _, err := fr.r.Discard(1); err != nil {
			return err
		}
		if err := fr.seek(magic[0]); err != nil {
			return err
		}
		head, err := fr.r.Peek(len(magic))
		if err != nil {
			return err
		}
		if string(head) == magic {
			return nil
		}
	}
}

// hello drops what comes before the next hello of a kind, and reads that.
func (fr *frameReader) hello(magic string) (*hello, error) {
	for {
		head, err := fr.r.Peek(len(magic))
		if string(head) == magic {
			var raw [helloSize]byte
			if _, err := io.ReadFull(fr.r, raw[:]); err != nil {
				return nil, unexpected(err)
			}
			h := decodeHello(&raw)
			return &h, nil
		}
		if err != nil {
			return nil, err
		}
		if err := fr.skip(magic); err != nil {
			return nil, err
		}
	}
}

// seek drops bytes until the next one is b.
func (fr *frameReader) seek(b byte) error {
	for {
		if _, err := fr.r.Peek(1); err != nil {
			return err
		}
		there, err := fr.r.Peek(fr.r.Buffered())
		if err != nil {
			return err
		}
		n := 0
		for n < len(there) && there[n] != b {
			n++
		}
		if _, err := fr.r.Discard(n); err != nil {
			return err
		}
		if n < len(there) {
			return nil
		}
	}
}

// unexpected turns an end of file within a frame into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
