package monitor

import (
	"context"
	"os"

	"github.com/hullvm/hull/monitor/control"
)

var errNoMove = control.Errorf(control.WrongState, "this monitor can not move machines")

func (h *handler) DescribeMove(context.Context) ([]byte, error)        { return nil, errNoMove }
func (h *handler) JudgeMove(context.Context, []byte) ([]string, error) { return nil, errNoMove }
func (h *handler) BeginMove(context.Context, []*os.File, control.MoveOptions) error {
	return errNoMove
}

func (h *handler) MovePass(context.Context) (control.MovedPass, error) {
	return control.MovedPass{}, errNoMove
}

func (h *handler) MoveLast(context.Context, *os.File) (control.MovedLast, error) {
	return control.MovedLast{}, errNoMove
}
func (h *handler) LimitMove(context.Context, control.MoveLimits) error { return errNoMove }
func (h *handler) EndMove(context.Context) error                       { return nil }
func (h *handler) BeginReceive(context.Context, []*os.File) error      { return errNoMove }
func (h *handler) WaitReceived(context.Context, uint32) error          { return errNoMove }
func (h *handler) LoadReceived(context.Context, *os.File) error        { return errNoMove }
