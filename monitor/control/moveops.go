package control

import (
	"context"
	"os"
)

// Arguments and results of moves that are not a type of their own.
type (
	description struct {
		Description []byte `json:"description"`
	}
	reasons struct {
		Reasons []string `json:"reasons"`
	}
	epochArgs struct {
		Epoch uint32 `json:"epoch"`
	}
)

// MoveHandler does what is asked of a machine that moves, as [Handler] does the rest.
type MoveHandler interface {
	DescribeMove(context.Context) ([]byte, error)
	JudgeMove(context.Context, []byte) ([]string, error)
	BeginMove(context.Context, []*os.File, MoveOptions) error
	MovePass(context.Context) (MovedPass, error)
	MoveLast(context.Context, *os.File) (MovedLast, error)
	LimitMove(context.Context, MoveLimits) error
	EndMove(context.Context) error

	BeginReceive(context.Context, []*os.File) error
	WaitReceived(context.Context, uint32) error
	LoadReceived(context.Context, *os.File) error
}

const (
	opDescribeMove = "move-describe"
	opJudgeMove    = "move-judge"
	opBeginMove    = "move-begin"
	opMovePass     = "move-pass"
	opMoveLast     = "move-last"
	opLimitMove    = "move-limit"
	opEndMove      = "move-end"

	opBeginReceive = "receive-begin"
	opWaitReceived = "receive-wait"
	opLoadReceived = "receive-load"
)

var moveOperations = map[string]operation{
	opDescribeMove: tells(func(h Handler, ctx context.Context) (description, error) {
		d, err := h.DescribeMove(ctx)
		return description{d}, err
	}),
	opJudgeMove: with(func(h Handler, ctx context.Context, a description) (reasons, error) {
		r, err := h.JudgeMove(ctx, a.Description)
		return reasons{append([]string{}, r...)}, err
	}),
	opBeginMove: withConns(func(h Handler, ctx context.Context, f []*os.File, o MoveOptions) error { return h.BeginMove(ctx, f, o) }),
	opMovePass:  tells(Handler.MovePass),
	opMoveLast: withFiles(1, "the state", func(h Handler, ctx context.Context, f []*os.File, _ none) (MovedLast, error) {
		return h.MoveLast(ctx, f[0])
	}),
	opLimitMove: does(limitMove),
	opEndMove:   simply(Handler.EndMove),

	opBeginReceive: withConns(func(h Handler, ctx context.Context, f []*os.File, _ none) error { return h.BeginReceive(ctx, f) }),
	opWaitReceived: does(func(h Handler, ctx context.Context, a epochArgs) error { return h.WaitReceived(ctx, a.Epoch) }),
	opLoadReceived: withFiles(1, "the state", func(h Handler, ctx context.Context, f []*os.File, _ none) (none, error) {
		return none{}, h.LoadReceived(ctx, f[0])
	}),
}

// withConns is an operation that comes with a descriptor for each connection.
func withConns[A any](call func(Handler, context.Context, []*os.File, A) error) operation {
	return func(ctx context.Context, h Handler, a arguments) (any, error) {
		args, err := decodeArgs[A](a.text)
		if err != nil {
			return nil, err
		}
		if len(a.files) == 0 {
			return nil, Errorf(BadRequest, "0 descriptors: want 1 to %d, of connections", MaxMoveConns)
		}
		return none{}, call(h, ctx, a.files, args)
	}
}

func limitMove(h Handler, ctx context.Context, l MoveLimits) error {
	if l.Throttle < 0 || l.Throttle > 99 {
		return Errorf(BadRequest, "throttle of %d per cent: want 0 to 99", l.Throttle)
	}
	return h.LimitMove(ctx, l)
}

// DescribeMove asks a machine that runs what a machine must have that it can go on
// as. What is in the description is the monitors' business.
func (c *Client) DescribeMove(ctx context.Context) ([]byte, error) {
	d, err := call[none, description](ctx, c, opDescribeMove, none{})
	return d.Description, err
}

// JudgeMove asks an incoming machine why it cannot be what another machine has
// described; nothing for one that can.
func (c *Client) JudgeMove(ctx context.Context, d []byte) ([]string, error) {
	r, err := call[description, reasons](ctx, c, opJudgeMove, description{d})
	return r.Reasons, err
}

// BeginMove hands over the connections that memory is sent over, up to
// [MaxMoveConns], and has the machine log what it writes. The files stay the caller's.
func (c *Client) BeginMove(ctx context.Context, conns []*os.File, o MoveOptions) error {
	_, err := call[MoveOptions, none](ctx, c, opBeginMove, o, conns...)
	return err
}

// MovePass sends what of memory has changed since the last pass, at first all, and
// returns when the other side has it.
func (c *Client) MovePass(ctx context.Context) (MovedPass, error) {
	return call[none, MovedPass](ctx, c, opMovePass, none{})
}

// MoveLast writes the state of a paused machine into an empty file and sends the last
// pages. The machine stays paused.
func (c *Client) MoveLast(ctx context.Context, state *os.File) (MovedLast, error) {
	return call[none, MovedLast](ctx, c, opMoveLast, none{}, state)
}

// LimitMove changes the limits of a move, also during a pass, from another connection.
func (c *Client) LimitMove(ctx context.Context, l MoveLimits) error {
	return c.do(ctx, opLimitMove, l)
}

// EndMove gives up a move, or what a move has left; a pass that is under way ends with
// an error. It is no mistake where none was begun. A machine that is paused stays so.
func (c *Client) EndMove(ctx context.Context) error { return c.do(ctx, opEndMove, none{}) }

// BeginReceive hands an incoming machine the connections that its memory comes over.
// The files stay the caller's.
func (c *Client) BeginReceive(ctx context.Context, conns []*os.File) error {
	_, err := call[none, none](ctx, c, opBeginReceive, none{}, conns...)
	return err
}

// WaitReceived waits until all passes up to this one are in memory, or until receiving
// has failed.
func (c *Client) WaitReceived(ctx context.Context, epoch uint32) error {
	return c.do(ctx, opWaitReceived, epochArgs{epoch})
}

// LoadReceived gives an incoming machine the state that MoveLast has written, when its
// memory is there. Start lets it go on. After an error it can only be killed.
func (c *Client) LoadReceived(ctx context.Context, state *os.File) error {
	_, err := call[none, none](ctx, c, opLoadReceived, none{}, state)
	return err
}
