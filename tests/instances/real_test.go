package instances

import (
	"flag"
	"os"

	"github.com/hullvm/hull/internal/guesttest"
)

// real has TestKillingAtRandom kill real monitors, each with a machine: it needs a
// KVM that runs kernels.
var real = flag.String("real", "", "the `folder` that has hull-vmm and hull-supervisor, for machines with a guest")

// kvmVariable tells the commands that the test starts which KVM device there is.
const kvmVariable = "HULL_TEST_KVM"

// kvmDevice is what monitors are handed: those of a test need none.
func kvmDevice() string {
	if device := os.Getenv(kvmVariable); device != "" {
		return device
	}
	return os.DevNull
}

// ticking is a guest that says "tick" on COM1 for ever, with a pause in between.
func ticking() []byte {
	code := []byte{0x66, 0xba, 0xf8, 0x03} // mov dx,0x3f8
	for _, b := range []byte("tick\n") {
		code = append(code, 0xb0, b, 0xee) // mov al,b; out dx,al
	}
	code = append(code,
		0xb9, 0, 0, 0x20, 0, // mov ecx,0x200000
		0xff, 0xc9, // 1: dec ecx
		0x75, 0xfc, // jnz 1b
	)
	return guesttest.BareKernel(append(code, 0xeb, byte(-len(code)-2)))
}
