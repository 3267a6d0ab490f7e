package faultproxy

import (
	"encoding/binary"
	"fmt"
)

const (
	preambleSize = 8
	headSize     = 24

	// maxPayload is beyond any frame's: what claims more is no frame, and is handed on
	// as it is.
	maxPayload = 8 << 20
)

// Type is what a frame is.
type Type uint16

// The types of the protocol's version 1.
const (
	Hello Type = 1 + iota
	Describe
	Accept
	Reject
	Channel
	Memory
	EpochEnd
	EpochDone
	Paused
	State
	Final
	Prepared
	Commit
	Running
	Failed
	Error
	Cancel
	Alive
	Ask
	Answer
	Log
	LogEnd
	Farewell
)

var names = [...]string{
	"", "hello", "describe", "accept", "reject", "channel", "memory", "epoch-end", "epoch-done", "paused", "state",
	"final", "prepared", "commit", "running", "failed", "error", "cancel", "alive", "ask", "answer", "log", "log-end",
	"farewell",
}

func (t Type) String() string {
	if t > 0 && int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %#x", uint16(t))
}

// head is the beginning of a frame.
type head struct {
	kind   Type
	length int // of the payload, bytes
}

func parseHead(b *[headSize]byte) (head, bool) {
	h := head{kind: Type(binary.LittleEndian.Uint16(b[0:])), length: int(binary.LittleEndian.Uint32(b[4:]))}
	return h, binary.LittleEndian.Uint16(b[2:]) == 0 && h.length <= maxPayload
}
