package pid1

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// How long the kernel may take to find a device whose driver is loaded.
const (
	deviceTime  = 30 * time.Second
	devicePause = time.Millisecond // at first; it grows
)

// findDisk is the device of the virtio disk with a serial number.
func findDisk(serial string) (string, error) {
	device, err := await(func() string { return diskWith("/sys/block", serial) })
	if err != nil {
		return "", fmt.Errorf("disk %q: %w", serial, err)
	}
	// devtmpfs has it by then: the kernel makes the node before it tells of the
	// disk.
	return device, nil
}

// diskWith looks for a serial number among the kernel's disks.
func diskWith(dir, serial string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "vd*", "serial")) // the pattern is good
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.TrimSuffix(string(b), "\n") == serial {
			return "/dev/" + filepath.Base(filepath.Dir(f))
		}
	}
	return ""
}

// await asks find until it has found something. Drivers probe in the background
// after their module is loaded, and say nothing that a process without udev
// hears in time.
func await(find func() string) (string, error) {
	pause := devicePause
	for end := time.Now().Add(deviceTime); ; pause = min(2*pause, 20*devicePause) {
		if found := find(); found != "" {
			return found, nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("not there after %v", deviceTime)
		}
		time.Sleep(pause)
	}
}
