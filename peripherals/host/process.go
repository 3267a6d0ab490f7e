package host

import (
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// serve keeps a process that serves a device, and has it placed.
func (h *Host) serve(name string, cmd *exec.Cmd) error {
	h.onClose(name, func() error { return awaitEnd(cmd) })
	if h.options.Placed == nil {
		return nil
	}
	return h.options.Placed(cmd.Process.Pid)
}

// endTime is how long a process may take to end whose socket was closed.
const endTime = 5 * time.Second

// awaitEnd waits for the end of a process that was told to end, and kills it when
// it does not. How it ended is of no interest then.
func awaitEnd(cmd *exec.Cmd) error {
	timer := time.AfterFunc(endTime, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && !timer.Stop() {
		return fmt.Errorf("process %d did not end within %v, and was killed", cmd.Process.Pid, endTime)
	}
	timer.Stop()
	return err
}
