package pid1

import "testing"

func TestTheProgramGetsTheTerminalBehindTheConsole(t *testing.T) {
	for list, want := range map[string]string{
		"ttyS0\n":          "/dev/ttyS0",
		"tty0 ttyS0\n":     "/dev/ttyS0",
		"ttyS0 hvc0":       "/dev/hvc0",
		"tty0\n":           "/dev/tty1",
		"":                 consoleDevice,
		"../../etc/shadow": consoleDevice,
	} {
		if got := behindConsole(list); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
	if got := consolePath("/dev/ttyS1"); got != "/dev/ttyS1" {
		t.Errorf("asked for /dev/ttyS1, got %q", got)
	}
}
