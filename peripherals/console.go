package peripherals

import (
	"fmt"
	"io"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/console"
	"github.com/hullvm/hull/peripherals/handover"
)

func (s *Set) addConsole(m *configs.Machine) error {
	c := m.Console
	var output io.Writer
	switch c.Output {
	case configs.SerialNone:
		return nil
	case configs.SerialFile:
		f, err := s.need(handover.Console, "")
		if err != nil {
			return fmt.Errorf("console: %w", err)
		}
		s.onClose("console", f.Close)
		output = f
	default:
		output = s.options.Console
	}
	d := console.New(console.Config{Name: "hvc0", Output: output})
	s.onClose("console", d.Close)
	s.drains = append(s.drains, d.Drain)
	s.Console = d
	s.add(Label{Kind: "console"}, d)
	return nil
}
