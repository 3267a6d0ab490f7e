package vmstate

import (
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// modes are how values are written and read: the same value is always the same
// bytes, and only those are read.
var modes = sync.OnceValues(func() (cbor.EncMode, cbor.DecMode) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		IntDec:            cbor.IntDecConvertNone,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   16,
		MaxArrayElements:  1 << 20,
		MaxMapPairs:       1 << 10,
	}.DecMode()
	if err != nil {
		panic(err) // likewise
	}
	return enc, dec
})

func encode(v any) ([]byte, error) {
	enc, _ := modes()
	return enc.Marshal(v)
}

func decode(value []byte, v any) error {
	_, dec := modes()
	return dec.Unmarshal(value, v)
}
