package jail

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// call is a system call as a filter sees it.
type call struct {
	arch, number uint32
	args         [6]uint64
}

// data is struct seccomp_data, with its words as the virtual machine reads them: the
// most significant byte first.
func (c call) data() []byte {
	b := make([]byte, dataArgs+6*argSize)
	binary.BigEndian.PutUint32(b[dataNumber:], c.number)
	binary.BigEndian.PutUint32(b[dataArch:], c.arch)
	for i, a := range c.args {
		binary.BigEndian.PutUint32(b[dataArgs+argSize*i:], uint32(a))
		binary.BigEndian.PutUint32(b[dataArgs+argSize*i+wordSize:], uint32(a>>32))
	}
	return b
}

// holds is the obvious reading of a condition.
func (c Condition) holds(v uint64) bool {
	switch c.test {
	case anyBits:
		return uint32(v)&c.values[0] != 0
	case noBits:
		return uint32(v)&c.values[0] == 0
	}
	for _, w := range c.values {
		if v == uint64(w) {
			return true
		}
	}
	return false
}

// verdict is the obvious reading of calls.
func (c Calls) verdict(x call) Action {
	if x.arch != uint32(arch.X86_64.ID) || x.number >= x32 {
		return c.Otherwise
	}
	is := func(name string) bool { return uint32(arch.X86_64.SyscallNames[name]) == x.number }
	for _, i := range append(append([]If(nil), c.If...), runtimeIf()...) {
		all := is(i.Name)
		for _, w := range i.Where {
			all = all && w.holds(x.args[w.arg])
		}
		if all {
			return Allow
		}
	}
	for _, name := range append(names(Runtime()), c.Names...) {
		if is(name) {
			return Allow
		}
	}
	for _, name := range c.Refuse {
		if is(name) {
			return Fail
		}
	}
	return c.Otherwise
}

func machine(t testing.TB, c Calls) func(call) Action {
	t.Helper()
	program, err := c.program()
	if err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	return func(x call) Action {
		t.Helper()
		n, err := vm.Run(x.data())
		if err != nil {
			t.Fatal(err)
		}
		return Action(uint32(n))
	}
}

func requests(n int) (list []uint32) {
	for i := range n {
		list = append(list, uint32(0xae00+i))
	}
	return list
}

var tried = map[string]Calls{
	"nothing":     {Otherwise: Kill},
	"a network":   {Otherwise: Kill, Names: []string{"openat"}, If: sockets()},
	"names alone": {Otherwise: Fail, Names: []string{"openat", "statx"}, Refuse: []string{"socket", "connect"}},
	"a monitor": {Otherwise: Kill, Refuse: []string{"openat"}, If: []If{
		{"ioctl", []Condition{OneOf(1, requests(maxValues)...)}},
		{"prctl", []Condition{OneOf(0, unix.PR_SET_NAME)}},
	}},
}

func sockets() (list []If) {
	for _, family := range []uint32{unix.AF_INET, unix.AF_INET6} {
		list = append(list, If{"socket", []Condition{OneOf(0, family), OneOf(1, unix.SOCK_STREAM, unix.SOCK_DGRAM), OneOf(2, 0)}})
	}
	return list
}

// A filter says what its tables say, of every call, whatever its arguments. Those are
// chosen among what is in the tables, and the numbers of calls.
func TestFiltersSayWhatTheTablesSay(t *testing.T) {
	for name, c := range tried {
		t.Run(name, func(t *testing.T) {
			run := machine(t, c)
			random := rand.New(rand.NewPCG(1, 2))
			interesting := append(requests(maxValues+2), 0, 1, 2, 3, 4, 5, 9, 10, 15, 17, unix.CLONE_THREAD, unix.PR_SET_VMA)
			value := func() uint64 {
				v := uint64(interesting[random.IntN(len(interesting))])
				switch random.IntN(8) {
				case 0:
					v |= 1 << 32
				case 1:
					v = uint64(random.IntN(400)) // as a call's number
				}
				return v
			}
			allowed := 0
			for number := range uint32(500) {
				for range 100 {
					x := call{arch: uint32(arch.X86_64.ID), number: number}
					for i := range x.args {
						x.args[i] = value()
					}
					switch random.IntN(50) {
					case 0:
						x.number |= x32
					case 1:
						x.arch = uint32(arch.I386.ID)
					}
					got, want := run(x), c.verdict(x)
					if got != want {
						t.Fatalf("call %d with %#x: %#x, want %#x", x.number, x.args, got, want)
					}
					if got == Allow {
						allowed++
					}
				}
			}
			if allowed == 0 {
				t.Error("nothing was allowed")
			}
		})
	}
}

// A call whose conditions do not hold is not taken for the one whose number its
// argument is.
func TestArgumentsAreNotNumbers(t *testing.T) {
	run := machine(t, tried["a network"])
	for _, x := range []call{
		{number: unix.SYS_CLONE, args: [6]uint64{unix.SYS_PREAD64}},
		{number: unix.SYS_CLONE, args: [6]uint64{unix.SYS_MMAP}},
		{number: unix.SYS_PRCTL, args: [6]uint64{unix.SYS_MPROTECT}},
		{number: unix.SYS_MMAP, args: [6]uint64{0, 4096, unix.PROT_READ | unix.PROT_EXEC}},
		{number: unix.SYS_SOCKET, args: [6]uint64{unix.SYS_MMAP}},
		{number: unix.SYS_SOCKET, args: [6]uint64{unix.AF_INET6, unix.SYS_READ}},
	} {
		x.arch = uint32(arch.X86_64.ID)
		if got := run(x); got != Kill {
			t.Errorf("call %d with %v: %#x", x.number, x.args, got)
		}
	}
}

func TestTablesThatMakeNoFilter(t *testing.T) {
	for want, c := range map[string]Calls{
		`"fly": there is none`:  {Names: []string{"fly"}},
		`"read": it is there`:   {Names: []string{"read"}},
		`"mmap": it is there`:   {Names: []string{"mmap"}},
		`"openat": it is there`: {Names: []string{"openat"}, Refuse: []string{"openat"}},
		`with 0 values`:         {If: []If{{"ioctl", []Condition{OneOf(1)}}}},
		`with 201 values`:       {If: []If{{"ioctl", []Condition{OneOf(1, requests(201)...)}}}},
		`more conditions than`: {If: []If{{"ioctl", []Condition{
			OneOf(0, 1), OneOf(1, requests(200)...), OneOf(2, requests(200)...),
		}}}},
	} {
		if _, err := c.program(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}
