package machine

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
)

// pattern is size bytes that are the same for the same seed, on both sides of a
// machine, and do not repeat.
func pattern(seed uint64, size int64) io.Reader {
	return io.LimitReader(random(seed), size)
}

func random(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

// matches reads r to its end and compares it with a pattern.
func matches(r io.Reader, seed uint64, size int64) error {
	want := random(seed)
	got, expected := make([]byte, 32<<10), make([]byte, 32<<10)
	var at int64
	for {
		n, err := io.ReadFull(r, got[:min(int64(len(got)), size-at+1)])
		_, _ = want.Read(expected[:n]) // never fails
		if at+int64(n) > size {
			return fmt.Errorf("more than %d bytes", size)
		}
		if !bytes.Equal(got[:n], expected[:n]) {
			i := 0
			for got[i] == expected[i] {
				i++
			}
			return fmt.Errorf("byte %d of %d is not as it was sent", at+int64(i), size)
		}
		at += int64(n)
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			if at != size {
				return fmt.Errorf("%d bytes, want %d", at, size)
			}
			return nil
		default:
			return fmt.Errorf("after %d of %d bytes: %w", at, size, err)
		}
	}
}
