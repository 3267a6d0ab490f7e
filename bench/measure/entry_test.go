package measure

import (
	"testing"
	"time"
)

func TestTheEarliestEntryIsFound(t *testing.T) {
	const trace = `# tracer: nop
#
# 99.000000: kvm_entry: a comment
           vcpu1-1234    [001] d..1.   412.500000: kvm_entry: vcpu 1, rip 0xfff0
      odd: name 7-1230   [000] d..1.   412.250000: kvm_entry: vcpu 0, rip 0xffffffff81000000
           vcpu0-1230    [000] d..1.   411.000000: kvm_exit: reason hlt
           torn-1
`
	at, ok := earliest([]byte(trace))
	if want := 412250 * time.Millisecond; !ok || at != want {
		t.Errorf("%v, %v; want %v", at, ok, want)
	}
	for _, text := range []string{"", "# 1.0: kvm_entry: x\n", " : kvm_entry: x\n", "x: kvm_entry: y\n"} {
		if at, ok := earliest([]byte(text)); ok {
			t.Errorf("%q has an entry at %v", text, at)
		}
	}
}
