package i8042

import (
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

func TestResets(t *testing.T) {
	type write struct {
		register string
		value    uint64
	}
	for _, test := range []struct {
		name   string
		writes []write
		resets int
	}{
		{"pulse of the reset line", []write{{"COMMAND", 0xfe}}, 1},
		{"pulse of all lines", []write{{"COMMAND", 0xf0}}, 1},
		{"pulse of no line", []write{{"COMMAND", 0xff}}, 0},
		{"pulse of the A20 line", []write{{"COMMAND", 0xfd}}, 0},
		{"self test", []write{{"COMMAND", 0xaa}}, 0},
		{"output port with the reset line low", []write{{"COMMAND", 0xd1}, {"DATA", 0xfe}}, 1},
		{"output port with the reset line high", []write{{"COMMAND", 0xd1}, {"DATA", 0xdf}}, 0},
		{"data that belongs to no command", []write{{"DATA", 0xfe}, {"DATA", 0}}, 0},
		{"data after the output port's", []write{{"COMMAND", 0xd1}, {"DATA", 1}, {"DATA", 0}}, 0},
		{"another command between", []write{{"COMMAND", 0xd1}, {"COMMAND", 0x20}, {"DATA", 0}}, 0},
		{"twice", []write{{"COMMAND", 0xfe}, {"COMMAND", 0xfe}}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			resets := 0
			d := devicestest.Drive(t, New(Config{Reset: func() { resets++ }}), dataBase, registers)
			for _, w := range test.writes {
				d.Write(w.register, w.value)
			}
			if resets != test.resets {
				t.Errorf("reset %d times, want %d", resets, test.resets)
			}
		})
	}
}

// Linux gives up after it has read sixteen bytes and still finds one waiting,
// and it waits for an empty input buffer before the reset.
func TestAKernelFindsNobodyAtOnceAndNeverWaits(t *testing.T) {
	d := devicestest.Drive(t, New(Config{}), dataBase, registers)
	for range 17 {
		if got := d.Read("STATUS"); got&statusOBF == 0 || got&statusIBF != 0 {
			t.Fatalf("status is %#x", got)
		}
		d.Expect("DATA", 0xff)
	}
	d.Write("COMMAND", 0x20)
	if got := d.Read("STATUS"); got&statusIBF != 0 {
		t.Errorf("status is %#x", got)
	}
}
