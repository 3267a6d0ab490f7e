package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	headSize = 16 // bytes, before the runs
	runSize  = 16
	maxRuns  = 512
	maxData  = 512 // pages
)

// What a run is of.
const (
	runData = 0
	runZero = 1
)

var le = binary.LittleEndian

// head is what a frame begins with.
type head struct {
	epoch    uint32
	encoding Encoding
	runs     int
	size     int // of the data before it was encoded, bytes
}

// run is pages that follow each other, within one group.
type run struct {
	first uint64
	pages uint32
	zero  bool
}

func (r run) end() uint64 { return r.first + uint64(r.pages) }

// appendFrame writes all of a frame but its data.
func appendFrame(b []byte, h head, runs []run) []byte {
	b = le.AppendUint32(b, h.epoch)
	b = le.AppendUint16(b, uint16(h.encoding))
	b = le.AppendUint16(b, uint16(len(runs)))
	b = le.AppendUint32(b, uint32(h.size))
	b = le.AppendUint32(b, 0)
	for _, r := range runs {
		b = le.AppendUint64(b, r.first)
		b = le.AppendUint32(b, r.pages)
		what := uint32(runData)
		if r.zero {
			what = runZero
		}
		b = le.AppendUint32(b, what)
	}
	return b
}

// owner is which pages a connection may have.
type owner struct {
	connection, connections uint64
	pages                   uint64 // of the memory
}

func (o owner) has(page uint64) bool { return page/groupPages%o.connections == o.connection }

// parse judges all of a frame that can be judged before its data is decoded. The runs
// are in room, which has space for maxRuns; data is a part of the payload.
func (o owner) parse(payload []byte, room []run) (h head, runs []run, data []byte, err error) {
	if len(payload) < headSize {
		return head{}, nil, nil, fmt.Errorf("%d bytes: it ends within its head", len(payload))
	}
	h = head{
		epoch:    le.Uint32(payload),
		encoding: Encoding(le.Uint16(payload[4:])),
		runs:     int(le.Uint16(payload[6:])),
		size:     int(le.Uint32(payload[8:])),
	}
	data = payload[headSize:]
	switch {
	case le.Uint32(payload[12:]) != 0:
		err = errors.New("reserved bytes are not zero")
	case h.encoding > lastEncoding:
		err = fmt.Errorf("encoding %d is not known", uint16(h.encoding))
	case h.runs < 1 || h.runs > maxRuns:
		err = fmt.Errorf("%d runs: want 1 to %d", h.runs, maxRuns)
	case len(data) < h.runs*runSize:
		err = fmt.Errorf("%d bytes: it ends within its %d runs", len(payload), h.runs)
	}
	if err != nil {
		return head{}, nil, nil, err
	}
	if runs, err = o.parseRuns(data[:h.runs*runSize], room[:0], h.size); err != nil {
		return head{}, nil, nil, err
	}
	data = data[h.runs*runSize:]
	switch {
	case h.size == 0 && (len(data) != 0 || h.encoding != None):
		err = fmt.Errorf("%d bytes of data (%v), and no page for them", len(data), h.encoding)
	case h.encoding == None && len(data) != h.size:
		err = fmt.Errorf("%d bytes of data for pages of %d", len(data), h.size)
	case len(data) > h.size:
		err = fmt.Errorf("%d bytes of data (%v) for pages of %d", len(data), h.encoding, h.size)
	}
	if err != nil {
		return head{}, nil, nil, err
	}
	return h, runs, data, nil
}

func (o owner) parseRuns(b []byte, runs []run, size int) ([]run, error) {
	var next, data uint64
	for i := 0; len(b) > 0; i, b = i+1, b[runSize:] {
		r := run{first: le.Uint64(b), pages: le.Uint32(b[8:])}
		what := le.Uint32(b[12:])
		r.zero = what == runZero
		switch {
		case what > runZero:
			return nil, fmt.Errorf("run %d: kind %d is not known", i, what)
		case r.first >= o.pages || r.pages < 1 || uint64(r.pages) > o.pages-r.first:
			return nil, fmt.Errorf("run %d: %d pages from %d on: the memory has %d", i, r.pages, r.first, o.pages)
		case r.first < next:
			return nil, fmt.Errorf("run %d: page %d is before the end of the one before, %d", i, r.first, next)
		case r.first/groupPages != (r.end()-1)/groupPages:
			return nil, fmt.Errorf("run %d: %d pages from %d on are not of one group", i, r.pages, r.first)
		case !o.has(r.first):
			return nil, fmt.Errorf("run %d: page %d is another connection's", i, r.first)
		}
		if next = r.end(); !r.zero {
			data += uint64(r.pages)
		}
		runs = append(runs, r)
	}
	if data > maxData || data*PageSize != uint64(size) {
		return nil, fmt.Errorf("%d pages of data, and %d bytes of them: want up to %d, of %d bytes each", data, size, maxData, PageSize)
	}
	return runs, nil
}
