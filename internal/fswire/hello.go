package fswire

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Version is the only version of the protocol so far.
const Version = 1

const (
	magic     = "HULLFSD\x00"
	helloSize = 32

	// maxText is the longest text of a server's hello, in bytes.
	maxText = 512
)

// Limits of what a peer's hello may ask for.
const (
	MaxRequest  = 1<<20 + 1<<12 // bytes: a write of 1 MiB and its headers
	MaxReply    = 1<<20 + 1<<12 // bytes: a read of 1 MiB and its header
	MaxInFlight = 1024          // requests
	MinRequest  = 40            // bytes: struct fuse_in_header
	MinReply    = 16            // bytes: struct fuse_out_header
)

// Confinement says what holds a server in its directory, one bit each.
type Confinement uint32

// What a server may be held by.
const (
	MountNamespace  Confinement = 1 << iota // its root is the directory
	Landlock                                // files beneath the directory alone
	Seccomp                                 // the system calls it needs alone
	NoNewPrivs                              // no privilege by running a program
	FewCapabilities                         // those needed to own files as the guest says, or none
	UserNamespace                           // its capabilities are of its own namespace
)

func (c Confinement) String() string {
	names := []string{"mount namespace", "landlock", "seccomp", "no_new_privs", "few capabilities", "user namespace"}
	var has []string
	for i, name := range names {
		if c&(1<<i) != 0 {
			has = append(has, name)
		}
	}
	if len(has) == 0 {
		return "none"
	}
	return strings.Join(has, ", ")
}

// ClientHello is the device's.
type ClientHello struct {
	MinVersion, MaxVersion uint16
	MaxRequest             uint32 // bytes it sends at most
	MaxReply               uint32 // bytes it takes at most
}

// ServerHello is the server's.
type ServerHello struct {
	Version     uint16
	MaxRequest  uint32 // bytes it takes at most
	MaxReply    uint32 // bytes it sends at most
	MaxInFlight uint32 // requests under way at once
	Confinement Confinement
	Text        string // cut to 512 bytes
}

// Append appends the hello's bytes to b.
func (h ClientHello) Append(b []byte) []byte {
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, h.MinVersion)
	b = binary.LittleEndian.AppendUint16(b, h.MaxVersion)
	b = binary.LittleEndian.AppendUint32(b, h.MaxRequest)
	b = binary.LittleEndian.AppendUint32(b, h.MaxReply)
	return append(b, make([]byte, 12)...)
}

// Append appends the hello's bytes to b.
func (h ServerHello) Append(b []byte) []byte {
	text := h.Text[:min(len(h.Text), maxText)]
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, h.Version)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	b = binary.LittleEndian.AppendUint32(b, h.MaxRequest)
	b = binary.LittleEndian.AppendUint32(b, h.MaxReply)
	b = binary.LittleEndian.AppendUint32(b, h.MaxInFlight)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.Confinement))
	b = append(b, 0, 0, 0, 0)
	return append(b, text...)
}

// ReadClientHello reads a device's hello and checks that its limits can be met.
func ReadClientHello(r io.Reader) (h ClientHello, err error) {
	b, err := readHello(r)
	if err != nil {
		return h, err
	}
	h = ClientHello{
		MinVersion: binary.LittleEndian.Uint16(b[8:]),
		MaxVersion: binary.LittleEndian.Uint16(b[10:]),
		MaxRequest: binary.LittleEndian.Uint32(b[12:]),
		MaxReply:   binary.LittleEndian.Uint32(b[16:]),
	}
	return h, checkLimits(h.MaxRequest, h.MaxReply)
}

// ReadServerHello reads a server's hello and checks that its limits can be met.
// A server that chose no version is an error that has the server's reason.
func ReadServerHello(r io.Reader) (h ServerHello, err error) {
	b, err := readHello(r)
	if err != nil {
		return h, err
	}
	h = ServerHello{
		Version:     binary.LittleEndian.Uint16(b[8:]),
		MaxRequest:  binary.LittleEndian.Uint32(b[12:]),
		MaxReply:    binary.LittleEndian.Uint32(b[16:]),
		MaxInFlight: binary.LittleEndian.Uint32(b[20:]),
		Confinement: Confinement(binary.LittleEndian.Uint32(b[24:])),
	}
	length := binary.LittleEndian.Uint16(b[10:])
	if length > maxText {
		return h, fmt.Errorf("hello: text of %d bytes: want at most %d", length, maxText)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, fmt.Errorf("hello: %w", noEOF(err))
	}
	h.Text = string(text)
	switch {
	case h.Version == 0:
		return h, fmt.Errorf("hello: refused: %q", h.Text)
	case h.Version != Version:
		return h, fmt.Errorf("hello: version %d was not offered", h.Version)
	case h.MaxInFlight == 0 || h.MaxInFlight > MaxInFlight:
		return h, fmt.Errorf("hello: %d requests at once: want 1 to %d", h.MaxInFlight, MaxInFlight)
	}
	return h, checkLimits(h.MaxRequest, h.MaxReply)
}

func readHello(r io.Reader) (b [helloSize]byte, err error) {
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return b, fmt.Errorf("hello: %w", noEOF(err))
	}
	if string(b[:len(magic)]) != magic {
		return b, fmt.Errorf("hello: magic %q: want %q", b[:len(magic)], magic)
	}
	return b, nil
}

// minLimit is the least a peer must be able to take: a page and headers, which is
// what every FUSE message but reads and writes fits in.
const minLimit = 8192

func checkLimits(request, reply uint32) error {
	if request < minLimit || request > MaxRequest {
		return fmt.Errorf("hello: requests of %d bytes: want %d to %d", request, minLimit, MaxRequest)
	}
	if reply < minLimit || reply > MaxReply {
		return fmt.Errorf("hello: replies of %d bytes: want %d to %d", reply, minLimit, MaxReply)
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
