package vmm_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/vmm"
)

// Boots a shipped configuration and waits for the guest to power off.
func Example() {
	machine, err := configs.Load("../configs/facts.toml")
	if err != nil {
		log.Fatal(err)
	}
	files, err := guest.Open(machine, guest.DirsFromEnv(os.Getenv))
	if err != nil {
		log.Fatal(err)
	}
	defer files.Close()

	m, err := vmm.New(vmm.Config{
		Machine: machine,
		Kernel:  vmm.Image(files.Kernel),
		Initrd:  vmm.Image(files.Initrd),
		Cmdline: files.Cmdline,
		Console: os.Stderr, // what the guest says
	})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(m.Run(context.Background()).Reason)
	// Output: power-off
}
