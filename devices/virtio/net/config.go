package net

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/hullvm/hull/devices/virtio/virtq"
)

// Config is what a card is made of.
type Config struct {
	Name       string // in errors and logs: eth0
	MAC        MAC
	MTU        uint16 // advised to the driver; 0 to advise none
	QueuePairs int    // 0 for one; the backend has as many ports
	QueueSize  uint16 // 0 for 256
	Backend    Backend

	// LimitRX holds back what the driver receives, LimitTX what it sends; nil for
	// no limit.
	LimitRX, LimitTX Limiter

	// AntiSpoof drops what is sent from another address than MAC, and refuses to
	// change it.
	AntiSpoof bool

	// VHost says whether the kernel serves the queues, and VHostNet is an open
	// /dev/vhost-net for each pair then. The files are the card's.
	VHost    VHostMode
	VHostNet []VHostNet

	Log *slog.Logger // nil to log nothing
}

// defaultQueueSize is the entries of a queue where none are configured.
const defaultQueueSize = 256

// controlQueueSize is enough for a queue whose driver waits for each answer.
const controlQueueSize = 64

// maxPairs bounds the goroutines and descriptors of a card. Each pair has two
// queues, for which the driver wants an interrupt each.
const maxPairs = 64

func (c *Config) complete() error {
	if c.QueuePairs == 0 {
		c.QueuePairs = 1
	}
	if c.QueueSize == 0 {
		c.QueueSize = defaultQueueSize
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Backend == nil:
		return errors.New("no backend")
	case !c.MAC.usable():
		return fmt.Errorf("MAC %v: want the address of one card", c.MAC)
	case c.MTU != 0 && c.MTU < minMTU:
		return fmt.Errorf("MTU %d: want %d to %d, or 0", c.MTU, minMTU, maxMTU)
	case c.QueuePairs < 1 || c.QueuePairs > maxPairs:
		return fmt.Errorf("%d queue pairs: want 1 to %d", c.QueuePairs, maxPairs)
	case c.QueuePairs != len(c.Backend.Ports()):
		return fmt.Errorf("%d queue pairs: the backend has %d", c.QueuePairs, len(c.Backend.Ports()))
	case c.QueueSize&(c.QueueSize-1) != 0 || c.QueueSize > virtq.MaxSize:
		return fmt.Errorf("queue size %d: want a power of 2 up to %d", c.QueueSize, virtq.MaxSize)
	}
	return nil
}
