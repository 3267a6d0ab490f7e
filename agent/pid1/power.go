package pid1

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
)

// An event of an input device, struct input_event of a 64-bit Linux: two times
// of 8 bytes, then type and code of 2, then a value of 4.
const (
	inputEventSize = 24
	offEventType   = 16
	offEventCode   = 18
	offEventValue  = 20

	evKey    = 1
	keyPower = 116
)

// isPowerButton says whether an event is the power button going down.
func isPowerButton(b []byte) bool {
	return len(b) >= inputEventSize &&
		binary.LittleEndian.Uint16(b[offEventType:]) == evKey &&
		binary.LittleEndian.Uint16(b[offEventCode:]) == keyPower &&
		binary.LittleEndian.Uint32(b[offEventValue:]) == 1
}

// watchPowerButton calls pressed, once, when the power button was. It looks at
// the input devices that are there now.
func watchPowerButton(pressed func(), start func(func())) {
	var once sync.Once
	paths, _ := filepath.Glob("/dev/input/event*") // the pattern is good
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			continue
		}
		start(func() {
			defer f.Close()
			buf := make([]byte, 64*inputEventSize)
			for {
				n, err := f.Read(buf)
				if err != nil {
					return
				}
				for b := buf[:n]; len(b) >= inputEventSize; b = b[inputEventSize:] {
					if isPowerButton(b) {
						once.Do(pressed)
					}
				}
			}
		})
	}
}
