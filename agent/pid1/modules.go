package pid1

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent/bootconf"
)

// loadModules loads modules in order; remark hears of the optional ones that
// cannot be loaded. One that is in the kernel already is fine.
func loadModules(list []bootconf.Module, remark func(string)) error {
	for _, m := range list {
		err := loadModule(m)
		switch {
		case err == nil, errors.Is(err, unix.EEXIST):
		case m.Optional:
			remark(err.Error())
		default:
			return err
		}
	}
	return nil
}

func loadModule(m bootconf.Module) error {
	f, err := os.Open(m.Path)
	if err != nil {
		return fmt.Errorf("module %q: open: %w", m.Path, reason(err))
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), m.Params, 0); err != nil {
		return fmt.Errorf("module %q: load: %w", m.Path, err)
	}
	return nil
}

// reason is what an error of package os is about, without the path in it.
func reason(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
