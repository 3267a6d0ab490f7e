package netd

import (
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routes asks the host's kernel where an address leads, by a socket that is
// opened once.
type routes struct {
	mu     sync.Mutex
	handle *netlink.Handle
}

// routeTime is how long the kernel may take to answer.
const routeTime = 5 * time.Second

func openRoutes() (*routes, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	if err := h.SetSocketTimeout(routeTime); err != nil {
		h.Close()
		return nil, err
	}
	return &routes{handle: h}, nil
}

// kind is what the route to an address is now.
func (r *routes) kind(a netip.Addr) routeKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, err := r.handle.RouteGet(a.AsSlice())
	if err != nil || len(found) == 0 {
		return routeNone
	}
	switch found[0].Type {
	case unix.RTN_UNICAST:
		return routeAway
	case unix.RTN_LOCAL:
		return routeLocal
	default:
		return routeNone
	}
}

func (r *routes) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle.Close()
}
