package agent

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The hello, docs/agent-protocol.md section 1. Offsets in bytes.
const (
	magicClient = "\xf7HULL\r\nC"
	magicServer = "\xf7HULL\r\nS"

	offHelloLow     = 8
	offHelloHigh    = 10
	offHelloSession = 16
	sessionIDSize   = 16
	helloSize       = 40
)

// Protocol versions that this package speaks.
const (
	versionLow  = 1
	versionHigh = 2

	// versionBuiltin is the first that has built-ins.
	versionBuiltin = 2
)

// sessionID tells one client's session from what another left in the pipe.
type sessionID [sessionIDSize]byte

// newSessionID takes it from getrandom(2), which gives up to 256 bytes at once
// and fails only on kernels that this package does not run on. crypto/rand
// would bring the whole of Go's cryptography into PID 1.
func newSessionID() (sessionID, error) {
	var id sessionID
	for {
		_, err := unix.Getrandom(id[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return id, fmt.Errorf("agent: session id: getrandom: %w", err)
		}
		return id, nil
	}
}

// hello opens a session, or answers one that does. In an answer high is the
// version chosen, or zero when there is none in common and extra holds the
// highest one the server speaks.
type hello struct {
	low, high, extra uint16
	session          sessionID
}

func (h *hello) encode(magic string) []byte {
	b := make([]byte, helloSize)
	copy(b, magic)
	binary.LittleEndian.PutUint16(b[offHelloLow:], h.low)
	binary.LittleEndian.PutUint16(b[offHelloHigh:], h.high)
	binary.LittleEndian.PutUint16(b[offHelloHigh+2:], h.extra)
	copy(b[offHelloSession:], h.session[:])
	return b
}

func decodeHello(b *[helloSize]byte) hello {
	h := hello{
		low:   binary.LittleEndian.Uint16(b[offHelloLow:]),
		high:  binary.LittleEndian.Uint16(b[offHelloHigh:]),
		extra: binary.LittleEndian.Uint16(b[offHelloHigh+2:]),
	}
	copy(h.session[:], b[offHelloSession:])
	return h
}

// answer is the server's reply to a client's hello; ok is false when the two
// have no version in common.
func (h *hello) answer() (reply hello, ok bool) {
	reply = hello{low: versionLow, session: h.session}
	chosen := min(h.high, versionHigh)
	if chosen < versionLow || chosen < h.low {
		reply.extra = versionHigh
		return reply, false
	}
	reply.high = chosen
	return reply, true
}

// versionError says that the server speaks no version that the client does.
func versionError(reply *hello) error {
	return fmt.Errorf("protocol versions %d to %d spoken here, %d to %d there: none in common",
		versionLow, versionHigh, reply.low, reply.extra)
}
