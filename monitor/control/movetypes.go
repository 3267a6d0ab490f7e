package control

import "time"

// MaxMoveConns is the most connections that a machine's memory is moved over.
const MaxMoveConns = maxFiles

// Compression is how the memory of a machine that moves is compressed.
type Compression string

// The kinds of compression there are.
const (
	CompressAuto Compression = "" // what is fastest, measured while it is sent
	CompressNone Compression = "none"
	CompressLZ4  Compression = "lz4"
	CompressZstd Compression = "zstd"
)

// MoveOptions say how memory is sent.
type MoveOptions struct {
	Compression Compression `json:"compression,omitempty"`
	Rate        uint64      `json:"rate,omitempty"` // bytes a second over all connections; 0 for no limit
	// Verify has the state say what memory holds, for the other side to compare.
	Verify bool `json:"verify,omitempty"`
}

// MovedPass is what one pass over memory has sent.
type MovedPass struct {
	Epoch uint32        `json:"epoch"` // its number, from 1
	Pages uint64        `json:"pages"`
	Zero  uint64        `json:"zero"` // of Pages, those that were zero
	Data  uint64        `json:"data"` // bytes of the others
	Wire  uint64        `json:"wire"` // bytes that went over the connections
	Took  time.Duration `json:"nanoseconds"`
	Left  int64         `json:"left"` // bytes that had changed again by its end; 0 where the guest is held
}

// MovedLast is the last pass, and the state that goes with it.
type MovedLast struct {
	MovedPass
	State    int64  `json:"state"`     // bytes of the state's file
	StateSum string `json:"state_sum"` // SHA-256 of it
}

// MoveLimits can be changed while a machine moves.
type MoveLimits struct {
	Rate     uint64 `json:"rate"`     // as that of MoveOptions
	Throttle int    `json:"throttle"` // per cent of the time that vCPUs are held, 0 to 99
}
