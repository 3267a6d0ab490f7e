package peripherals

import (
	"errors"

	"github.com/hullvm/hull/configs"
)

func (s *Set) addConsole(m *configs.Machine) error {
	if m.Console.Output != configs.SerialNone {
		return errors.New("console: this build has no virtio console")
	}
	return nil
}
