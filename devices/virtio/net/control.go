package net

import (
	"encoding/binary"
	"errors"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// controller serves the control queue (section 5.1.6.5).
type controller struct {
	d        *Device
	queue    *virtio.Queue
	memory   *mem.Guest
	features uint64
	chain    virtq.Chain
}

// startControl starts the control queue's worker.
func (d *Device) startControl(a *virtio.Activation, q *virtio.Queue) (err error) {
	c := &controller{d: d, queue: q, memory: a.Memory, features: a.Features}
	d.control, err = virtio.StartWorker(q, c.serve, a.Broken)
	return err
}

// burst is how many commands are answered before the worker looks up, so that a
// driver that sends them without end can be stopped.
const burst = controlQueueSize

var errNoAck = errors.New("a control command without room for its answer")

func (c *controller) serve() error {
	for range burst {
		ok, err := c.queue.Next(&c.chain)
		if !ok || err != nil {
			return err
		}
		if c.chain.WritableLen() == 0 {
			return errNoAck
		}
		ack := byte(ctrlOK)
		if err := c.command(); err != nil {
			ack = ctrlErr
			if c.d.logged.Allow() {
				c.d.log.Debug("control command refused", "device", c.d.name, "error", err)
			}
		}
		if _, err := virtq.CopyTo(c.memory, []byte{ack}, c.chain.Writable, 0); err != nil {
			return err
		}
		if err := c.queue.Complete(&c.chain, 1); err != nil {
			return err
		}
	}
	return nil
}

// data is what is left of a command, read as it is asked for.
type data struct {
	c   *controller
	off uint64
}

var errShort = errors.New("the command is too short")

// read fills p with what comes next.
func (s *data) read(p []byte) error {
	n, err := virtq.CopyFrom(s.c.memory, p, s.c.chain.Readable, s.off)
	if err == nil && n < len(p) {
		err = errShort
	}
	s.off += uint64(len(p))
	return err
}

func (s *data) left() uint64 { return s.c.chain.ReadableLen() - min(s.off, s.c.chain.ReadableLen()) }

func (s *data) u8() (uint8, error) {
	var b [1]byte
	err := s.read(b[:])
	return b[0], err
}

func (s *data) le16() (uint16, error) {
	var b [2]byte
	err := s.read(b[:])
	return binary.LittleEndian.Uint16(b[:]), err
}

func (s *data) le32() (uint32, error) {
	var b [4]byte
	err := s.read(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (s *data) le64() (uint64, error) {
	var b [8]byte
	err := s.read(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// command carries one command out. An error refuses it, and nothing was changed.
func (c *controller) command() error {
	s := &data{c: c}
	var head [2]byte // class, command
	if err := s.read(head[:]); err != nil {
		return err
	}
	for _, k := range commands {
		if k.class == head[0] && k.command == head[1] {
			if c.features&k.feature == 0 {
				return errors.New("a command that was not negotiated")
			}
			return k.do(c, s)
		}
	}
	return errors.New("no such command")
}
