package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fullRenewal() Renewal {
	return Renewal{
		Seed: []byte(strings.Repeat("s", MinSeed)), Time: 1, Hostname: "clone", MachineID: strings.Repeat("0f", 16),
		Networks: []NetworkRenewal{
			{Device: "52:54:00:12:34:56", MAC: "52:54:00:12:34:57", Address: "dhcp"},
			{Device: "eth1", MAC: "02:00:00:00:00:0a", Address: "10.0.0.2/24", Gateway: "10.0.0.1", DNS: []string{"10.0.0.3"}},
		},
		Thaw: true,
	}
}

func TestARenewalNamesItsPartsInOrder(t *testing.T) {
	r := fullRenewal()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []string{"seed", "time", "hostname", "machine-id", "network 52:54:00:12:34:56", "network eth1", "thaw"}
	if d := cmp.Diff(want, r.Parts()); d != "" {
		t.Error(d)
	}
	if none := (Renewal{}); none.Validate() != nil || none.Parts() != nil {
		t.Errorf("a renewal of nothing has the parts %q", none.Parts())
	}
}

func TestARenewalThatCannotBeIsRefused(t *testing.T) {
	for want, spoil := range map[string]func(*Renewal){
		"seed: 31 bytes":           func(r *Renewal) { r.Seed = r.Seed[:31] },
		"seed: 513 bytes":          func(r *Renewal) { r.Seed = make([]byte, 513) },
		"before 1970":              func(r *Renewal) { r.Time = -1 },
		"not a host name":          func(r *Renewal) { r.Hostname = "a b" },
		"is not a host name":       func(r *Renewal) { r.Hostname = strings.Repeat("x", 65) },
		"hexadecimal digits":       func(r *Renewal) { r.MachineID = strings.Repeat("F", 32) },
		"or all zero":              func(r *Renewal) { r.MachineID = strings.Repeat("0", 32) },
		"is not 32 lower-case":     func(r *Renewal) { r.MachineID = "ab" },
		"networks: 65, at most":    func(r *Renewal) { r.Networks = make([]NetworkRenewal, 65) },
		"no device's name":         func(r *Renewal) { r.Networks[0].Device = "" },
		"or there twice":           func(r *Renewal) { r.Networks[1].Device = r.Networks[0].Device },
		"networks[0]: mac":         func(r *Renewal) { r.Networks[0].MAC = "x" },
		"networks[1]: address":     func(r *Renewal) { r.Networks[1].Address = "fe80::1/64" },
		"networks[1]: gateway: \"": func(r *Renewal) { r.Networks[1].Gateway = "here" },
	} {
		r := fullRenewal()
		spoil(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestASeedIsNotPrinted(t *testing.T) {
	r := fullRenewal()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, v := range []any{r.Seed, r, &r} {
			text := fmt.Sprintf(verb, v)
			if strings.Contains(text, "ssss") || strings.Contains(text, "7373") || strings.Contains(text, "115 115") || strings.Contains(text, "0x73") {
				t.Errorf("%s of a %T prints the seed: %s", verb, v, text)
			}
		}
	}
	if got := r.Seed.LogValue().String(); got != "[32 secret bytes]" {
		t.Errorf("it is logged as %q", got)
	}
}

func TestAReportIsOfWhatWasAskedFor(t *testing.T) {
	parts := []string{"seed", "thaw"}
	for text, want := range map[string]string{
		`{"parts":[{"name":"seed"},{"name":"thaw","error":"x"}]}`: "",
		`{"parts":[{"name":"thaw"},{"name":"seed"}]}`:             `has "thaw" in the place of "seed"`,
		`{"parts":[{"name":"seed"}]}`:                             "of 1 parts, and 2 were asked for",
		`{"parts":[]}`:                                            "of 0 parts",
		`x`:                                                       "invalid character",
	} {
		r, err := decodeReport([]byte(text), parts)
		if want == "" {
			if err != nil || r.Err() == nil || r.Err().Error() != "renewal: thaw: x" {
				t.Errorf("%s: %v, %v", text, err, r.Err())
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestTheExamplesOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/agent-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples []string
	inside := false
	for line := range strings.Lines(string(text)) {
		code, ok := strings.CutPrefix(line, "    ")
		if ok && !inside {
			examples = append(examples, "")
		}
		if inside = ok; ok {
			examples[len(examples)-1] += code
		}
	}
	if len(examples) != 2 {
		t.Fatalf("the document has %d examples", len(examples))
	}
	r, err := DecodeRenewal([]byte(examples[0]))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Parts()) != 7 {
		t.Errorf("its renewal has the parts %q, and not one of each kind", r.Parts())
	}
	report, err := decodeReport([]byte(examples[1]), []string{"seed", "network eth1", "thaw"})
	if err != nil || report.Err() == nil {
		t.Errorf("its report: %v, %v", report, err)
	}
}

// What a client sends is refused or valid, and decodes to the same again.
func FuzzRenewal(f *testing.F) {
	full := fullRenewal()
	b, err := json.Marshal(&full)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"thaw":true,"time":9223372036854775807}`))
	f.Add([]byte(`{"seed":"AAAA"}`))
	f.Add([]byte(`{"more":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := DecodeRenewal(b)
		if err != nil {
			return
		}
		if len(one.Parts()) > maxNetworks+5 {
			t.Errorf("%d parts", len(one.Parts()))
		}
		again, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		two, err := DecodeRenewal(again)
		if err != nil {
			t.Fatalf("%s is refused: %v", again, err)
		}
		if d := cmp.Diff(one.Parts(), two.Parts()); d != "" {
			t.Error(d)
		}
	})
}

// What a guest reports is refused, or is of what was asked for and short.
func FuzzRenewalReport(f *testing.F) {
	f.Add([]byte(`{"parts":[{"name":"seed"},{"name":"thaw","error":"x"}]}`))
	f.Add([]byte(`{"parts":null}`))
	f.Add([]byte("{\"parts\":[{\"name\":\"seed\",\"error\":\"\xff\"},{\"name\":\"thaw\"}]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeReport(b, []string{"seed", "thaw"})
		if err != nil {
			return
		}
		if len(r.Parts) != 2 || r.Parts[0].Name != "seed" || r.Parts[1].Name != "thaw" {
			t.Errorf("%q", r.Parts)
		}
		for _, p := range r.Parts {
			if len(p.Error) > maxPartError+3 {
				t.Errorf("%d bytes of error", len(p.Error))
			}
		}
		_ = r.Err()
	})
}
