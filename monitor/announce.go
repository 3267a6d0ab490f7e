package monitor

import (
	"time"

	"github.com/hullvm/hull/monitor/control"
)

// A frame that makes a machine's place known may be lost, or a port of a switch not be
// ready for it: it is sent so often, and the pause before the next is longer by as much
// each time.
const (
	announceTimes = 5
	announcePause = 50 * time.Millisecond
)

// announcer is a network device that can say where it is, without the guest.
type announcer interface{ SendRARP() error }

// announce has the guest tell its networks where it is now, as soon as it goes on.
func (b *built) announce() {
	for _, n := range b.devices.Nets {
		n.Announce() // a driver that cannot be asked is heard of when it sends something
	}
}

// announceMoved tells the networks of a machine that has come from another host and
// runs: the guest may take long to, or not know how to.
func (h *handler) announceMoved() {
	var nets []announcer
	for _, n := range h.devices.Nets {
		nets = append(nets, n)
	}
	h.announceTo(nets, func(d time.Duration) (again bool) {
		select {
		case <-time.After(d):
			return true
		case <-h.ended:
			return false
		}
	})
}

func (h *handler) announceTo(nets []announcer, pause func(time.Duration) (again bool)) {
	if len(nets) == 0 {
		return
	}
	for i := range announceTimes {
		if i > 0 && !pause(time.Duration(i)*announcePause) {
			return
		}
		for _, n := range nets {
			switch err := h.use(n.SendRARP); {
			case control.CodeOf(err) == control.WrongState:
				return // the machine has ended
			case err != nil:
				h.messages.Warn("the network is not told where the machine is now", "cause", err)
			}
		}
	}
}
