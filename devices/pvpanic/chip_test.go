package pvpanic

import (
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

func TestEvents(t *testing.T) {
	for _, test := range []struct {
		name    string
		handled byte
		write   uint64
		want    string
	}{
		{"panic", Panicked | CrashLoaded | Shutdown, Panicked, "panicked"},
		{"crash kernel", Panicked | CrashLoaded | Shutdown, CrashLoaded, "loaded"},
		{"shutdown", Panicked | CrashLoaded | Shutdown, Shutdown, "shutdown"},
		{"several", Panicked | CrashLoaded | Shutdown, 0xff, "loaded panicked shutdown"},
		{"none", Panicked | CrashLoaded | Shutdown, 0, ""},
		{"unknown bits", Panicked | CrashLoaded | Shutdown, 0xf8, ""},
		{"one that is not handled", Panicked, CrashLoaded | Shutdown, ""},
		{"nothing is handled", 0, 0xff, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var told []string
			tell := func(event byte, what string) func() {
				if test.handled&event == 0 {
					return nil
				}
				return func() { told = append(told, what) }
			}
			d := devicestest.Drive(t, New(Config{
				Panicked:    tell(Panicked, "panicked"),
				CrashLoaded: tell(CrashLoaded, "loaded"),
				Shutdown:    tell(Shutdown, "shutdown"),
			}), Base, registers)
			d.Expect("EVENTS", uint64(test.handled))
			d.Write("EVENTS", test.write)
			if got := strings.Join(told, " "); got != test.want {
				t.Errorf("told %q, want %q", got, test.want)
			}
			d.Expect("EVENTS", uint64(test.handled))
		})
	}
}
