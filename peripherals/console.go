package peripherals

import (
	"fmt"
	"io"
	"os"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/console"
)

func (s *Set) addConsole(m *configs.Machine) error {
	c := m.Console
	var output io.Writer
	switch c.Output {
	case configs.SerialNone:
		return nil
	case configs.SerialFile:
		f, err := os.OpenFile(c.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
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
	s.add("console", d)
	return nil
}
