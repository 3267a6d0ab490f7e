package pci

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hullvm/hull/devices"
)

// MSIXConfig says how many vectors a function has and where its tables are.
type MSIXConfig struct {
	Vectors     int    // 1 to 2048
	BAR         int    // that has both tables; added already, with room for them
	TableOffset uint64 // in the BAR, a multiple of 8; 16 bytes a vector
	PBAOffset   uint64 // in the BAR, a multiple of 8; 8 bytes for 64 vectors
	Maker       VectorMaker
}

// MSIX is a function's message interrupts, section 6.1.4.
type MSIX struct {
	function *Function
	offset   uint8 // of the capability
	body     int   // of the capability's body in configuration space
	vectors  []Vector

	enabled atomic.Bool
	failed  atomic.Uint64 // messages and masks that the monitor refused

	// mu serialises what is told to the vectors, so that they follow the table.
	// It is held while they are called.
	mu      sync.Mutex
	entries []entry
	closed  bool
}

// entry is one of the table, and what its vector was told.
type entry struct {
	raw    [msixEntrySize]byte
	set    Message
	isSet  bool
	masked bool
}

// AddMSIX gives the function message interrupts.
func (f *Function) AddMSIX(c MSIXConfig) (*MSIX, error) {
	m, err := f.addMSIX(c)
	if err != nil {
		return nil, f.errorf("add MSI-X: %w", err)
	}
	return m, nil
}

func (f *Function) addMSIX(c MSIXConfig) (*MSIX, error) {
	if c.Vectors < 1 || c.Vectors > msixMaxVectors {
		return nil, fmt.Errorf("%d vectors: want 1 to %d", c.Vectors, msixMaxVectors)
	}
	if c.TableOffset%8 != 0 || c.PBAOffset%8 != 0 {
		return nil, fmt.Errorf("tables at %#x and %#x: want multiples of 8", c.TableOffset, c.PBAOffset)
	}
	if f.msix != nil {
		return nil, errors.New("it has that already")
	}
	b := f.find(c.BAR, 0, 0)
	if b == nil {
		return nil, fmt.Errorf("BAR %d: %w", c.BAR, errNoBAR)
	}
	m := &MSIX{function: f, entries: make([]entry, c.Vectors)}
	for i := range m.entries {
		m.entries[i].raw[entryControl] = entryMasked
		m.entries[i].masked = true
	}
	err := b.inner.Add(
		devices.Region{Name: "MSI-X table", Base: c.TableOffset, Size: uint64(c.Vectors) * msixEntrySize, Handler: (*table)(m)},
		devices.Region{Name: "MSI-X PBA", Base: c.PBAOffset, Size: uint64(pbaSize(c.Vectors)), Handler: (*pba)(m)},
	)
	if err != nil {
		return nil, err
	}
	if err := m.addCapability(c); err != nil {
		return nil, err
	}
	for i := range c.Vectors {
		v, err := c.Maker(fmt.Sprintf("%s vector %d", f.name, i))
		if err != nil {
			return nil, errors.Join(err, m.close())
		}
		m.vectors = append(m.vectors, v)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.msix = m
	return m, nil
}

func (m *MSIX) addCapability(c MSIXConfig) (err error) {
	var body, writable [msixBody]byte
	binary.LittleEndian.PutUint16(body[msixControl:], uint16(c.Vectors-1))
	binary.LittleEndian.PutUint32(body[msixTable:], uint32(c.TableOffset)|uint32(c.BAR))
	binary.LittleEndian.PutUint32(body[msixPBA:], uint32(c.PBAOffset)|uint32(c.BAR))
	binary.LittleEndian.PutUint16(writable[msixControl:], msixEnable|msixFunctionMask)
	hooks := CapabilityHooks{Written: func(off, _ int) {
		if off < msixTable {
			m.settleAll()
		}
	}}
	m.offset, err = m.function.AddCapability(CapMSIX, body[:], writable[:], hooks)
	m.body = int(m.offset) + 2
	return err
}

// Enabled reports whether the guest has enabled MSI-X, so that the function must
// not use INTx. It takes no lock.
func (m *MSIX) Enabled() bool { return m.enabled.Load() }

// Len is how many vectors there are.
func (m *MSIX) Len() int { return len(m.vectors) }

// Vector is the i-th vector.
func (m *MSIX) Vector(i int) Vector { return m.vectors[i] }

// Failed counts the messages and masks that the monitor refused.
func (m *MSIX) Failed() uint64 { return m.failed.Load() }

// control is Message Control as the guest has it.
func (m *MSIX) control() uint16 {
	var p [2]byte
	m.function.CapabilityBody(m.offset, msixControl, p[:])
	return binary.LittleEndian.Uint16(p[:])
}

// settleAll makes every vector what the table and Message Control say.
func (m *MSIX) settleAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	control := m.control()
	if control&msixEnable == 0 {
		m.enabled.Store(false) // before the vectors are masked: nothing more is raised
	}
	for i := range m.vectors {
		m.settleLocked(i, control)
	}
	m.enabled.Store(control&msixEnable != 0)
}

// settleLocked makes one vector what it has to be. A message reaches the vector
// when it is to be sent.
func (m *MSIX) settleLocked(i int, control uint16) {
	e, v := &m.entries[i], m.vectors[i]
	masked := control&(msixEnable|msixFunctionMask) != msixEnable || e.raw[entryControl]&entryMasked != 0
	if masked {
		if !e.masked {
			e.masked = true
			m.did(v.Mask())
		}
		return
	}
	message := Message{
		Addr: binary.LittleEndian.Uint64(e.raw[entryAddr:]),
		Data: binary.LittleEndian.Uint32(e.raw[entryData:]),
	}
	if !e.isSet || e.set != message {
		e.set, e.isSet = message, m.did(v.Set(message))
	}
	switch {
	case !e.isSet && !e.masked: // the old message must not go out for the new one
		e.masked = true
		m.did(v.Mask())
	case e.isSet && e.masked:
		e.masked = !m.did(v.Unmask())
	}
}

func (m *MSIX) did(err error) bool {
	if err != nil {
		m.failed.Add(1)
	}
	return err == nil
}

func (m *MSIX) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.enabled.Store(false)
	var err error
	for _, v := range slices.Backward(m.vectors) {
		err = errors.Join(err, v.Close())
	}
	return err
}
