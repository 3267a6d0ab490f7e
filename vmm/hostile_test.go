package vmm

import (
	_ "embed"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/internal/hosttest"
)

//go:embed testdata/chaos.bin
var chaos []byte

var seedFlag = flag.Uint64("seed", 0, "seed of the hostile guests; 0 takes one from the clock")

func testSeed(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed %d", seed)
	return seed
}

// A guest may end its machine in any way it likes; the monitor's part is to say
// how, to let go of everything, and to go on.
func expectLegalEnd(t *testing.T, m *Machine, within time.Duration) {
	t.Helper()
	m.Start()
	timer := time.AfterFunc(within, m.Kill)
	exit := waitEnd(t, m)
	timer.Stop()
	if exit.Reason < PowerOff || exit.Reason > InternalError {
		t.Errorf("ended by %v", exit)
	}
	t.Log(exit)
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func TestAGuestThatTriesEverything(t *testing.T) {
	guesttest.RequireKVM(t) // a KVM that emulates may never come back from a hypercall
	seed := testSeed(t)
	for _, vcpus := range []int{1, 2, 4} {
		for round := range 4 {
			spare := round%4 != 3
			t.Run(fmt.Sprintf("%d vCPUs, round %d", vcpus, round), func(t *testing.T) {
				code := append([]byte(nil), chaos...)
				for i, v := range []uint64{seed + uint64(round), 2000, map[bool]uint64{true: 1}[spare], uint64(vcpus)} {
					binary.LittleEndian.PutUint64(code[8+8*i:], v)
				}
				if !guesttest.MayWriteCR8() {
					code[56] = 1
				}
				m := newBare(t, code, func(c *Config) { c.Machine = describe(t, vcpus, "32MiB") })
				expectLegalEnd(t, m, 10*time.Second)
			})
		}
	}
}

func TestGuestsMadeOfRandomBytes(t *testing.T) {
	seed := testSeed(t)
	source := rand.New(rand.NewPCG(seed, 1))
	for i := range 200 {
		code := make([]byte, 4096)
		for j := range code {
			code[j] = byte(source.Uint32())
		}
		m := newBare(t, code, nil)
		m.Start()
		timer := time.AfterFunc(20*time.Millisecond, m.Kill)
		exit := waitEnd(t, m)
		timer.Stop()
		if exit.Reason < PowerOff || exit.Reason > InternalError {
			t.Errorf("guest %d ended by %v", i, exit)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A guest may change its task priority while an interrupt waits for it.
func TestAGuestThatSetsItsPriorityWhileAnInterruptWaits(t *testing.T) {
	guesttest.RequireKVM(t)
	guesttest.RequireCR8(t)
	code := []byte{
		0xfa, 0xbb, 0x00, 0x00, 0xe0, 0xfe, // cli; mov ebx,0xfee00000
		0xc7, 0x83, 0xf0, 0, 0, 0, 0xff, 0x01, 0, 0, // mov dword [rbx+0xf0],0x1ff: the local APIC on
		0xc7, 0x83, 0x00, 0x03, 0, 0, 0x40, 0x00, 0x04, 0, // mov dword [rbx+0x300],0x40040: vector 0x40 to itself
		0xb9, 0x64, 0x00, 0x00, 0x00, // mov ecx,100
		0x89, 0xc8, 0x83, 0xe0, 0x03, 0x44, 0x0f, 0x22, 0xc0, // 1: mov eax,ecx; and eax,3; mov cr8,rax
		0xe6, 0x80, 0xff, 0xc9, 0x75, 0xf1, // out 0x80,al; dec ecx; jnz 1b
	}
	m := newBare(t, append(code, asmPowerOff...), nil)
	m.Start()
	if exit := waitEnd(t, m); exit.Reason != PowerOff {
		t.Errorf("ended by %v, want power-off", exit)
	}
}

// chaos.bin is what its source says.
func TestChaosIsBuiltFromItsSource(t *testing.T) {
	hosttest.Need(t, "gcc", "gcc")
	hosttest.Need(t, "objcopy", "binutils")
	dir := t.TempDir()
	object, binary := filepath.Join(dir, "chaos.o"), filepath.Join(dir, "chaos.bin")
	for _, args := range [][]string{
		{"gcc", "-c", "-o", object, "testdata/chaos.S"},
		{"objcopy", "-O", "binary", "-j", ".text", object, binary},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	built, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if string(built) != string(chaos) {
		t.Error("testdata/chaos.bin is not what testdata/chaos.S gives: build it anew as its head says")
	}
}
