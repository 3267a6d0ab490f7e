package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const kallsyms = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000100 t native_halt
ffffffff81000080 T startup
ffffffffc0001000 t svm_vcpu_run	[kvm_amd]
ffffffff82000000 D some_data
nonsense
zz T bad
`

func TestSymbolNames(t *testing.T) {
	table := parseKallsyms(strings.NewReader(kallsyms))
	for at, want := range map[uint64]string{
		0xffffffff81000000: "_stext+0x0",
		0xffffffff81000084: "startup+0x4",
		0xffffffff81000101: "native_halt+0x1",
		0xffffffffc0001010: "svm_vcpu_run [kvm_amd]+0x10",
		0xffffffff90000000: "",
		0x1000:             "",
	} {
		if got := table.name(at); got != want {
			t.Errorf("%#x is %q, want %q", at, got, want)
		}
	}
	var none *symbolTable
	if got := none.name(1); got != "" {
		t.Errorf("without a table: %q", got)
	}
}

const registerText = "\r\nCPU#0\r\nRAX=0000000000000000 RBX=ffffffff81000000\r\n" +
	"RIP=ffffffff81000104 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n" +
	"XMM00=0000000000000000 0000000000000000\r\n\r\nCPU#1\r\n" +
	"RIP=0000000000401000 RFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0\r\nFPR0=0 0\r\n"

func TestPlacesOfProcessors(t *testing.T) {
	want := map[int]place{
		0: {rip: 0xffffffff81000104, cpl: "0", halted: true},
		1: {rip: 0x401000, cpl: "3"},
	}
	if diff := cmp.Diff(want, places(registerText), cmp.AllowUnexported(place{})); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

func TestSampleTextPutsTheMostFrequentFirst(t *testing.T) {
	other := strings.ReplaceAll(registerText, "ffffffff81000104", "ffffffff81000084")
	got := sampleText([]string{other, registerText, registerText}, parseKallsyms(strings.NewReader(kallsyms)))
	want := `-- where the processors were in 3 samples:
processor 0: 2 times at 0xffffffff81000104, ring 0 native_halt+0x4 (halted)
processor 0: 1 times at 0xffffffff81000084, ring 0 startup+0x4 (halted)
processor 1: 3 times at 0x0000000000401000, ring 3 
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestVectorRegistersAreLeftOut(t *testing.T) {
	got := withoutVectors(registerText)
	if strings.Contains(got, "XMM") || strings.Contains(got, "FPR") || !strings.Contains(got, "RIP=0000000000401000") {
		t.Errorf("got %q", got)
	}
}

func FuzzPlaces(f *testing.F) {
	f.Add(registerText)
	f.Add("CPU#99999999999999999999\nRIP=ffffffffffffffffff")
	f.Fuzz(func(_ *testing.T, text string) {
		_ = sampleText([]string{text, text}, parseKallsyms(strings.NewReader(text)))
		_ = withoutVectors(text)
	})
}
