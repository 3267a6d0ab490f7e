#include "textflag.h"

// func load16(p *uint16) uint16
//
// A plain load on x86-64 has acquire order.
TEXT ·load16(SB), NOSPLIT, $0-10
	MOVQ    p+0(FP), AX
	MOVWLZX (AX), CX
	MOVW    CX, ret+8(FP)
	RET

// func store16(p *uint16, v uint16)
//
// An exchange, not a plain store: it is a full fence, as sync/atomic's stores
// are, and a virtqueue needs one between its index and the peer's event index.
TEXT ·store16(SB), NOSPLIT, $0-10
	MOVQ  p+0(FP), AX
	MOVWLZX v+8(FP), CX
	XCHGW CX, (AX)
	RET
