package net

// maxFilter is the most addresses of a kind that are kept. A driver that lists
// more gets all frames of that kind and sorts them itself.
const maxFilter = 64

// filter says which frames the driver gets (section 5.1.6.5.1). It is never
// changed once it is in use.
type filter struct {
	promisc  bool
	allMulti bool

	unicast   map[MAC]bool
	multicast map[MAC]bool
	allUni    bool // there are more than are kept
	moreMulti bool
}

// startFilter is what holds after a reset: a driver that sets no filter wants
// everything.
func startFilter() *filter { return &filter{promisc: true} }

// accepts reports whether a frame to an address is for a card whose own is mac.
func (f *filter) accepts(to, mac MAC) bool {
	switch {
	case f.promisc, to == mac, to == broadcast:
		return true
	case to.group():
		return f.allMulti || f.moreMulti || f.multicast[to]
	}
	return f.allUni || f.unicast[to]
}
