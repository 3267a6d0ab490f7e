package host

import (
	"errors"
	"fmt"
	"os/exec"
	"time"
)

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
