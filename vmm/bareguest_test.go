package vmm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/guesttest"
)

// Guests of a few instructions, in 64-bit mode at 1 MiB: they need no kernel,
// and end in milliseconds even on a KVM that emulates them.
var (
	asmPowerOff    = []byte{0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x34, 0x66, 0xef, 0xf4} // mov dx,0x604; mov ax,0x3400; out dx,ax; hlt
	asmI8042Reset  = []byte{0xb0, 0xfe, 0xe6, 0x64, 0xf4}                                     // mov al,0xfe; out 0x64,al; hlt
	asmResetReg    = []byte{0x66, 0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4}                   // mov dx,0xcf9; mov al,6; out dx,al; hlt
	asmTripleFault = []byte{0x0f, 0x0b}                                                       // ud2, with no IDT
	asmPanic       = []byte{0x66, 0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xf4}                   // mov dx,0x505; mov al,1; out dx,al; hlt
	asmSpin        = []byte{0xeb, 0xfe}                                                       // jmp .
	asmHalt        = []byte{0xfa, 0xf4, 0xeb, 0xfd}                                           // cli; hlt; jmp hlt
	asmStatus7     = []byte{0x66, 0xba, 0xf0, 0x05, 0xb8, 7, 0, 0, 0, 0xef}                   // mov dx,0x5f0; mov eax,7; out dx,eax
	asmStatusKill  = []byte{0x66, 0xba, 0xf0, 0x05, 0xb8, 9, 0, 0, 0x80, 0xef}                // the same with bit 31 and signal 9
	asmCount       = []byte{0x48, 0xff, 0x04, 0x25, 0x00, 0x00, 0x20, 0x00, 0xeb, 0xf6}       // inc qword [0x200000]; jmp
	asmToHole      = []byte{0xb8, 0x00, 0x00, 0x00, 0xd0, 0xff, 0xe0}                         // mov eax,0xd0000000; jmp rax
	asmEcho        = []byte{
		0x66, 0xba, 0xfc, 0x03, 0xb0, 0x03, 0xee, // mov dx,0x3fc; mov al,3; out dx,al: MCR, DTR and RTS
		0x66, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb, // mov dx,0x3fd; 1: in al,dx; test al,1; jz 1b
		0x66, 0xba, 0xf8, 0x03, 0xec, 0xee, // mov dx,0x3f8; in al,dx; out dx,al
		0xeb, 0xef, // jmp to the status
	}
)

// counterAddr is where asmCount counts.
const counterAddr = 0x200000

// say is a guest that writes text to the serial port and goes on behind it. It
// looks at no status: a 16550 holds what fits its FIFO, so text is that short.
func say(text string) []byte {
	code := []byte{0x66, 0xba, 0xf8, 0x03} // mov dx,0x3f8
	for _, b := range []byte(text) {
		code = append(code, 0xb0, b, 0xee) // mov al,b; out dx,al
	}
	return code
}

// mark is a guest that writes a boot mark and goes on behind it.
func mark(value byte) []byte { return []byte{0xb0, value, 0xe6, 0x80} }

// describe parses the description of a test's machine; kernel is named by the
// test itself.
func describe(t testing.TB, vcpus int, memory string) *configs.Machine {
	t.Helper()
	text := fmt.Sprintf("[cpu]\ncount = %d\n[memory]\nsize = %q\n[boot]\nkernel = \"test\"\ninitrd = \"none\"\n", vcpus, memory)
	m, err := configs.Parse("test.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// newBare builds a machine that runs code.
func newBare(t testing.TB, code []byte, change func(*Config)) *Machine {
	t.Helper()
	guesttest.RequireDevice(t)
	image := guesttest.BareKernel(code)
	c := Config{
		Machine:      describe(t, 1, "32MiB"),
		Kernel:       Image{Name: "test kernel", File: bytes.NewReader(image), Size: int64(len(image))},
		AllowSlowKVM: true, // a few instructions run anywhere
	}
	if change != nil {
		change(&c)
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// patience is how long a test waits for what happens at once on a machine that
// is not busy: long, because only a hang meets it.
const patience = time.Minute

func runToEnd(t testing.TB, m *Machine) Exit {
	t.Helper()
	m.Start()
	return waitEnd(t, m)
}

func waitEnd(t testing.TB, m *Machine) Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	exit, err := m.Wait(ctx)
	if err != nil {
		_ = m.Dump(t.Output())
		t.Fatalf("the machine has not ended after %v", patience)
	}
	return exit
}

// output collects what a guest says, and can be waited for.
type output struct {
	mu   sync.Mutex
	text []byte
	news chan struct{} // capacity 1
}

func newOutput() *output { return &output{news: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	o.text = append(o.text, p...)
	o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

func (o *output) waitFor(t testing.TB, want string) {
	t.Helper()
	deadline := time.After(patience)
	for !bytes.Contains([]byte(o.String()), []byte(want)) {
		select {
		case <-o.news:
		case <-deadline:
			t.Fatalf("the guest has not said %q, but %q", want, o)
		}
	}
}

var _ io.Writer = (*output)(nil)
