package devices

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Whoever knows one chip's folder knows all of them.
func TestEveryChipFolderHasTheSameFiles(t *testing.T) {
	want := []string{"chip.go", "chip_test.go", "device.go", "device_test.go", "doc.go", "fuzz_test.go", "registers.go", "state.go", "state_test.go"}
	// What a chip has beside its state machine and its wiring.
	more := map[string][]string{
		"rtc":  {"calendar.go", "calendar_test.go"},
		"uart": {"output_test.go"},
	}
	// Folders that are no chips; vmgenid has no register.
	skip := []string{"devicestest", "testdata", "virtio", "pci", "vmgenid"}

	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	chips := 0
	for _, e := range entries {
		if !e.IsDir() || slices.Contains(skip, e.Name()) {
			continue
		}
		chips++
		files, err := filepath.Glob(filepath.Join(e.Name(), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range files {
			files[i] = filepath.Base(files[i])
		}
		all := slices.Sorted(slices.Values(slices.Concat(want, more[e.Name()])))
		if !slices.Equal(files, all) {
			t.Errorf("%s has %v, want %v", e.Name(), files, all)
		}
	}
	if chips < 7 {
		t.Errorf("found %d chips", chips)
	}
}

func TestErrClosedIsAClosedPipe(t *testing.T) {
	if !errors.Is(ErrClosed, io.ErrClosedPipe) {
		t.Errorf("%v is not", ErrClosed)
	}
}

func TestHostClockCallsAndStops(t *testing.T) {
	clock := HostClock()
	before := clock.Now()
	called := make(chan struct{})
	clock.AfterFunc(-time.Second, func() { close(called) })
	<-called
	if clock.Now().Before(before) {
		t.Error("the clock went back")
	}
	if stopped := clock.AfterFunc(time.Hour, func() { t.Error("a stopped timer called") }).Stop(); !stopped {
		t.Error("a timer an hour off could not be stopped")
	}
}

func TestUnconnectedLineTakesAnything(*testing.T) {
	l := Unconnected()
	l.Set(true)
	l.Restore(false)
}
