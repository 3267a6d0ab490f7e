package pci

// table is the MSI-X table, section 7.7.2.5.
type table MSIX

func (t *table) Read(off uint64, p []byte) {
	m := (*MSIX)(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range p {
		at := off + uint64(i)
		p[i] = m.entries[at/msixEntrySize].raw[at%msixEntrySize]
	}
}

func (t *table) Write(off uint64, p []byte) {
	m := (*MSIX)(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, v := range p {
		at := off + uint64(i)
		raw := &m.entries[at/msixEntrySize].raw
		switch at %= msixEntrySize; {
		case at == entryControl:
			v &= entryMasked
		case at > entryControl:
			v = 0 // reserved
		}
		raw[at] = v
	}
	if m.closed {
		return
	}
	control := m.control()
	for i := off / msixEntrySize; i <= (off+uint64(len(p))-1)/msixEntrySize; i++ {
		m.settleLocked(int(i), control)
	}
}

func pbaSize(vectors int) int { return (vectors + 63) / 64 * 8 }

// pba is the pending bits, section 7.7.2.7.
type pba MSIX

func (b *pba) Read(off uint64, p []byte) {
	clear(p)
	if (*MSIX)(b).gone() {
		return
	}
	for i := range p {
		for bit := range 8 {
			if n := int(off+uint64(i))*8 + bit; n < len(b.vectors) && b.vectors[n].Pending() {
				p[i] |= 1 << bit
			}
		}
	}
}

// gone reports whether the vectors are closed.
func (m *MSIX) gone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

func (b *pba) Write(uint64, []byte) {}
