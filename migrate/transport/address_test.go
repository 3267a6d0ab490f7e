package transport

import (
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]Address{
		"host":                     {Host: "host", Port: 8476},
		"host.example:99":          {Host: "host.example", Port: 99},
		"10.0.0.1":                 {Host: "10.0.0.1", Port: 8476},
		"10.0.0.1:0":               {Host: "10.0.0.1"},
		"10.0.0.1:00099":           {Host: "10.0.0.1", Port: 99},
		":65535":                   {Port: 65535},
		"::":                       {Host: "::", Port: 8476},
		"::1":                      {Host: "::1", Port: 8476},
		"[::1]":                    {Host: "::1", Port: 8476},
		"[::1]:7":                  {Host: "::1", Port: 7},
		"fe80::1%eth0":             {Host: "fe80::1%eth0", Port: 8476},
		"[fe80::1%eth0]:22":        {Host: "fe80::1%eth0", Port: 22},
		"unix:/run/a b.sock":       {Path: "/run/a b.sock"},
		"unix:/with:colon":         {Path: "/with:colon"},
		"unix:/" + long(maxPath-1): {Path: "/" + long(maxPath-1)},
		long(maxHost):              {Host: long(maxHost), Port: 8476},
	} {
		if got, err := ParseAddress(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"":                       "empty",
		"host:":                  "no port",
		"host:65536":             "from 0 to 65535",
		"host:-1":                "want a number",
		"host:+1":                "want a number",
		"host:http":              `port "http"`,
		"a:b:c":                  "too many colons",
		"[::1":                   "brackets",
		"[]:1":                   "no IPv6",
		"[host]":                 "no IPv6",
		"[1.2.3.4]:1":            "no IPv6",
		"[fe80::1%a b]:1":        "no IPv6",
		"fe80::1%\x1b[2J":        "too many colons",
		"[::1]1":                 "after the bracket",
		"[::1]:":                 "after the bracket",
		"ho st:1":                "name or an IP",
		"user@host":              "name or an IP",
		"host/x:1":               "name or an IP",
		"h\x1b[2Jst":             "name or an IP",
		"tcp://host":             "want a number",
		"-v":                     "name or an IP",
		long(maxHost + 1):        "name or an IP",
		"unix":                   "unix:PATH",
		"unix:":                  "no path",
		"unix:@abstract":         "absolute",
		"unix:in.sock":           "absolute",
		"unix:/a\x00b":           "zero byte",
		"unix:/" + long(maxPath): "at most 107",
	} {
		if got, err := ParseAddress(text); err == nil || !strings.Contains(err.Error(), says) || got != (Address{}) {
			t.Errorf("%.20q: %+v, %v; want %q", text, got, err, says)
		}
	}
}

func long(n int) string { return strings.Repeat("a", n) }

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"host:1", "[::1]:2", "unix:/a", ":3", "[fe80::1%a]", "::1", "unix", "::1%b", "[]:1", "[a]:1", ":0", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if strings.ContainsRune(a.String(), 0) || !a.IsUnix() && strings.ContainsAny(a.String(), " \n\x1b/@") {
			t.Errorf("%q was taken", s)
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q is %+v, written %q, and that is %+v, %v", s, a, a.String(), again, err)
		}
	})
}
