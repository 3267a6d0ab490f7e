package transport

import (
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]Address{
		"host":                      {Host: "host", Port: 8476},
		"host.example:99":           {Host: "host.example", Port: 99},
		"10.0.0.1":                  {Host: "10.0.0.1", Port: 8476},
		"10.0.0.1:0":                {Host: "10.0.0.1"},
		":65535":                    {Port: 65535},
		"[::1]":                     {Host: "::1", Port: 8476},
		"[fe80::1%eth0]:22":         {Host: "fe80::1%eth0", Port: 22},
		"unix:/run/a b.sock":        {Path: "/run/a b.sock"},
		"unix:./" + long(maxPath-2): {Path: "./" + long(maxPath-2)},
	} {
		if got, err := ParseAddress(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"":                        "empty",
		"host:":                   "no port",
		"host:65536":              "up to 65535",
		"host:+1":                 "want a number",
		"host:x":                  "want a number",
		"::1":                     "in brackets: [::1]",
		"a:b:c":                   "too many colons",
		"[::1":                    "brackets",
		"[1.2.3.4]:1":             "no IPv6",
		"[::1]1":                  "after the bracket",
		"[::1]:":                  "after the bracket",
		"ho st:1":                 "name or an IP",
		"tcp://host":              "want a number",
		"-v":                      "name or an IP",
		long(maxHost + 1):         "name or an IP",
		"unix:":                   "no path",
		"unix:@abstract":          "none of a file",
		"unix:a\x00b":             "none of a file",
		"unix:" + long(maxPath+1): "at most",
	} {
		if got, err := ParseAddress(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %+v, %v; want %q", text, got, err, says)
		}
	}
}

func long(n int) string { return strings.Repeat("a", n) }

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"host:1", "[::1]:2", "unix:/a", ":3", "[fe80::1%a]", "::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q is %+v, written %q, and that is %+v, %v", s, a, a.String(), again, err)
		}
	})
}
