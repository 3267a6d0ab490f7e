// Package signaltest is for tests that send signals to what they start.
package signaltest

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Default makes the signals of the keyboard and of a lost terminal do in the
// programs that a test starts what they do in a login session. Without it, a test
// that runs in the background of a script, or under nohup, hands on that it
// ignores them: a signal that is ignored from the start can neither be caught by
// a shell nor end a program. It is called before the first program is started,
// from TestMain.
//
// Only signals that were ignored are changed, and the test itself still ignores
// them: they are caught, and nobody looks.
func Default() {
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT} {
		if signal.Ignored(s) {
			// A caught signal is the default again after execve(2).
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}
