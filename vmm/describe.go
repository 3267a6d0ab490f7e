package vmm

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/vmstate"
)

// MaxDescription is the most bytes of a machine's description.
const MaxDescription = 512 << 10

// maxReasons is how many reasons Judge gives.
const maxReasons = 32

// Describe says what a machine must have that can go on as this one, for Judge of
// that. The machine was started; one that runs is held for a moment, since its devices
// are asked for what they would write down. A machine that cannot be saved as it is
// cannot be described.
func (m *Machine) Describe(ctx context.Context) ([]byte, error) {
	s := vmstate.New()
	if err := m.ask(ctx, request{kind: requestDescribe, state: s}); err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	if b.Len() > MaxDescription {
		return nil, fmt.Errorf("describe: %d bytes: at most %d", b.Len(), MaxDescription)
	}
	return b.Bytes(), nil
}

// sketch is Describe, on the driver's goroutine.
func (m *Machine) sketch(state State, s *vmstate.State) (State, error) {
	was := state
	if was == Running {
		var err error
		if state, err = m.hold(); err != nil {
			return state, err
		}
	}
	err := m.describeInto(s)
	if was == Running {
		next, again := m.letGo()
		return next, errors.Join(err, again)
	}
	return state, err
}

func (m *Machine) describeInto(s *vmstate.State) error {
	t, err := m.traits(func(i int) []kvm.CPUIDEntry { return m.vcpus[i].cpuid })
	if err != nil {
		return err
	}
	err = m.everyVCPU(func(v *vcpu) (err error) {
		if v.index == 0 {
			t.machine.TSCKHz, err = v.fd.TSCKHz()
		}
		return err
	}, toHeld)
	if err != nil {
		return err
	}
	return t.put(s)
}

// Judge says why a machine of Config.Incoming cannot go on as the one that has
// described itself so; nothing where it can. What it cannot see is how a device's
// present state would be taken. The description may be anybody's.
func (m *Machine) Judge(description []byte) ([]string, error) {
	if m.incoming == nil {
		return nil, fmt.Errorf("judge: %w", ErrNotIncoming)
	}
	m.incoming.mu.Lock()
	defer m.incoming.mu.Unlock()
	if m.incoming.tried || m.incoming.over || m.started.Load() {
		return nil, fmt.Errorf("judge: %w", ErrNotIncoming)
	}
	here, err := m.traits(m.incoming.cpus.For)
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	if here.machine.TSCKHz, err = m.vcpus[0].fd.TSCKHz(); err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	return judge(description, here, m.scalesTSC()), nil
}

// judge holds a description against a machine.
func judge(description []byte, here *traits, scales bool) []string {
	if len(description) > MaxDescription {
		return []string{fmt.Sprintf("its description has %d bytes: at most %d", len(description), MaxDescription)}
	}
	s, err := vmstate.Read(bytes.NewReader(description))
	if err != nil {
		return []string{fmt.Sprintf("description: %v", err)}
	}
	there, err := getTraits(s)
	if err != nil {
		return []string{fmt.Sprintf("description: %v", err)}
	}
	list := there.misfits(here, scales)
	if n := len(list) - maxReasons; n > 0 {
		list = append(list[:maxReasons], fmt.Sprintf("and %d more", n))
	}
	return list
}
