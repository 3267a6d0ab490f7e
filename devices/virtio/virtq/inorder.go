package virtq

// inOrder holds back chains that were done before older ones, for a driver that
// negotiated VIRTIO_F_IN_ORDER. It has room for as many chains as a ring can have
// under way, so nothing is allocated after the queue was made.
type inOrder struct {
	chains []heldChain // by number, modulo their count
	oldest uint64      // the oldest under way
	next   uint64      // the number that the next one taken gets
}

type heldChain struct {
	id, slots uint16
	done      bool
	written   uint32
}

func newInOrder(size uint16) *inOrder {
	return &inOrder{chains: make([]heldChain, size)}
}

func (o *inOrder) at(number uint64) *heldChain {
	return &o.chains[number%uint64(len(o.chains))]
}

// taken notes a chain that the ring gave.
func (o *inOrder) taken(c *Chain) {
	c.number = o.next
	*o.at(c.number) = heldChain{id: c.id, slots: c.slots}
	o.next++
}

func (o *inOrder) untaken() { o.next-- }

// fill gives a chain, and those that waited for it, to the ring. filled reports
// whether there was any.
func (o *inOrder) fill(r ring, c *Chain, written uint32) (filled bool, err error) {
	h := o.at(c.number)
	if c.number < o.oldest || c.number >= o.next || h.done {
		return false, errNotTaken
	}
	h.done, h.written = true, written
	for ; o.oldest < o.next; o.oldest++ {
		h := o.at(o.oldest)
		if !h.done {
			break
		}
		if err := r.fill(h.id, h.slots, h.written); err != nil {
			return filled, err
		}
		filled = true
	}
	return filled, nil
}
