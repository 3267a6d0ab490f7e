package wire

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// modes are how messages are written and read. Their arrays are short, so that what is
// made of a payload stays within a few times its length.
var modes = sync.OnceValues(func() (cbor.EncMode, cbor.DecMode) {
	write := cbor.CoreDetEncOptions()
	write.NilContainers = cbor.NilContainerAsEmpty
	enc, err := write.EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   4,
		MaxArrayElements:  maxElements,
		MaxMapPairs:       16,
	}.DecMode()
	if err != nil {
		panic(err) // likewise
	}
	return enc, dec
})

// maxElements is the most elements of an array in a message.
const maxElements = 256

// decode reads a message and judges it. It has to be written as this release would
// write it: so no field is missing, of another length, or there twice, and whatever the
// library might let pass is not taken for something else.
func decode[M Message](payload []byte) (Message, error) {
	enc, dec := modes()
	var m M
	if err := dec.Unmarshal(payload, &m); err != nil {
		return nil, err
	}
	again, err := enc.Marshal(m)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, payload) {
		return nil, errNotCanonical
	}
	if err := m.judge(); err != nil {
		return nil, err
	}
	return m, nil
}

var errNotCanonical = errors.New("a field is missing or not written the shortest way")

// encode is the payload of a message.
func encode(m Message) ([]byte, error) {
	if r, ok := m.(raw); ok {
		return r.bytes(), nil
	}
	enc, _ := modes()
	b, err := enc.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b, nil
}
