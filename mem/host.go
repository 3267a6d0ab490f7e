package mem

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fitsHost refuses more RAM than the host has. It looks at what the host has
// and not at what is free: a guest seldom uses all it may.
func fitsHost(size uint64) error {
	total, err := hostMemory()
	if err != nil {
		return nil // not knowing is no reason to refuse
	}
	if size > total {
		return fmt.Errorf("size %s: the host has %d MiB", FormatSize(size), total>>20)
	}
	return nil
}

// hostMemory is the RAM of this host in bytes.
func hostMemory() (uint64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, err
	}
	return uint64(info.Totalram) * uint64(info.Unit), nil
}

// explainMapError adds what to do to the two failures of mmap that have a
// remedy.
func explainMapError(err error, size uint64, o Options) error {
	switch {
	case o.HugePageSize != 0 && (errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV)):
		return fmt.Errorf("%s: %w", hugePageShortage(sysHugePages, size, o.HugePageSize), err)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("the host refuses so much address space (see vm.overcommit_memory and ulimit -v): %w", err)
	}
	return err
}

// sysHugePages has one directory for each size of huge page the host's kernel
// offers.
const sysHugePages = "/sys/kernel/mm/hugepages"

// hugePageShortage says how many huge pages are free, how many size bytes need,
// and how to get them.
func hugePageShortage(root string, size, page uint64) string {
	dir := fmt.Sprintf("%s/hugepages-%dkB", root, page>>10)
	need := size / page
	free, err := readCount(dir + "/free_hugepages")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the host has no pages of %s (no %s)", FormatSize(page), dir)
	case err != nil: // a monitor that is jailed cannot look
		return fmt.Sprintf("%d pages of %s needed, %s/free_hugepages says how many are free", need, FormatSize(page), dir)
	}
	// Pages that other mappings have reserved and not yet touched count as free
	// in the first number; they are not for us.
	if reserved, err := readCount(dir + "/resv_hugepages"); err == nil {
		free -= min(free, reserved)
	}
	total, err := readCount(dir + "/nr_hugepages")
	if err != nil {
		total = free
	}
	return fmt.Sprintf("%d pages of %s needed, %d free; as root: echo %d > %s/nr_hugepages",
		need, FormatSize(page), free, total+need-min(need, free), dir)
}

// readCount reads a file that holds one number.
func readCount(name string) (uint64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, 64).ReadString('\n')
	if err != nil && line == "" {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(line), 10, 64)
}
