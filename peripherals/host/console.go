package host

import (
	"fmt"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/peripherals/handover"
)

func (h *Host) openConsole(m *configs.Machine) error {
	if m.Console.Output != configs.SerialFile {
		return nil
	}
	f, err := openLog(m.Console.Path)
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	h.Files.Add(handover.Console, "", f)
	return nil
}
