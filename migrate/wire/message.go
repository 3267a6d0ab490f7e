package wire

import "fmt"

// Message is what a frame says. Decode gives each as its struct, not as a pointer.
type Message interface {
	Type() Type
	judge() error // what is wrong with it
}

// raw is a message whose payload is no CBOR.
type raw interface{ bytes() []byte }

// shown is a message with text for people, which clean makes fit to be sent.
type shown interface{ clean() Message }

// Decode is the message of a frame, with every field judged. Memory and State share the
// frame's payload; others are copies. The error is a *FrameError with ErrMessage.
func Decode(f Frame) (Message, error) {
	k := f.Type.kind()
	if k == nil {
		return nil, &FrameError{f.Number, f.Type, ErrUnknownType}
	}
	if err := checkLength(uint64(len(f.Payload)), k.least, k.most); err != nil {
		return nil, &FrameError{f.Number, f.Type, err}
	}
	m, err := k.decode(f.Payload)
	if err != nil {
		return nil, &FrameError{f.Number, f.Type, fmt.Errorf("%w: %w", ErrMessage, err)}
	}
	return m, nil
}

// Expect is the message of a frame that has to be an M. Another is a *FrameError with
// ErrUnexpected.
func Expect[M Message](f Frame) (M, error) {
	var none M
	if want := none.Type(); f.Type != want {
		return none, &FrameError{f.Number, f.Type, fmt.Errorf("%w: want %v", ErrUnexpected, want)}
	}
	m, err := Decode(f)
	if err != nil {
		return none, err
	}
	return m.(M), nil
}

// WriteMessage sends a message. Text for people is cleaned (CleanText); what the other side
// would refuse is an error, and nothing is sent.
func (c *Conn) WriteMessage(m Message) error {
	if s, ok := m.(shown); ok {
		m = s.clean()
	}
	if err := m.judge(); err != nil {
		return fmt.Errorf("write message (%v): %w", m.Type(), err)
	}
	payload, err := encode(m)
	if err != nil {
		return fmt.Errorf("write message (%v): %w", m.Type(), err)
	}
	return c.Write(m.Type(), payload)
}
