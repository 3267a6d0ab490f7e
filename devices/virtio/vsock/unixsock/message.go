package unixsock

import (
	"encoding/binary"
	"fmt"
)

// A broker and who asks it exchange messages of a SOCK_SEQPACKET socket, which
// keeps them apart: two numbers of 32 bits each, little-endian. The first is the
// asker's own for the request, and comes back with the reply. The second is a port,
// and in the reply an errno, or 0 where the message brings a connected socket.
const messageSize = 8

// requestsAtOnce is how many requests may be under way.
const requestsAtOnce = 16

type message struct{ id, value uint32 }

func (m message) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.id)
	return binary.LittleEndian.AppendUint32(b, m.value)
}

func parseMessage(b []byte) (message, error) {
	if len(b) != messageSize {
		return message{}, fmt.Errorf("message of %d bytes: want %d", len(b), messageSize)
	}
	return message{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])}, nil
}
