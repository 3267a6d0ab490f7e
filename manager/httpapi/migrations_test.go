package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

const (
	plainMove = `"to":"vm2","plaintext":true`
	someTLS   = `"tls":{"ca":"/ca.pem","cert":"/a.pem","key":"/a.key"}`
)

func TestMigrationRoutesAskTheEngine(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	for _, test := range []struct {
		request, body string
		status        int
		asked         string
		answer        string // a part
	}{
		{"POST /v1/instances/web/migrate", "{" + plainMove + "}", 200, "migrate to=vm2 tls=plain n=0  0/s downtime=0s throttle=0 timeout=0s keep=false verify=false web", `{"report":{"id":"0123`},
		{
			"POST /v1/instances/web/migrate",
			`{"to":"[::1]:99","tls":{"ca":"/ca.pem","cert":"/a.pem","key":"/a.key","name":"vm2"},"connections":4,"compression":"zstd","bandwidth":104857600,"downtime":"30ms","throttle":50,"timeout":"10m","keep":true,"verify":true}`,
			200, "migrate to=[::1]:99 tls=/ca.pem,/a.pem,/a.key,vm2 n=4 zstd 104857600/s downtime=30ms throttle=50 timeout=10m0s keep=true verify=true web", `"downtime":23000000`,
		},
		{"POST /v1/instances/web/migrate", `{"to":"unix:/run/in.sock"}`, 200, "migrate to=unix:/run/in.sock tls=plain n=0  0/s downtime=0s throttle=0 timeout=0s keep=false verify=false web", `"to":"unix:/run/in.sock"`},
		{"POST /v1/instances/web/migrate/cancel", "", 204, "cancel migration web", ""},
		{"POST /v1/instances/web/migrate/resolve", `{"side":"source"}`, 204, "resolve migration source web", ""},
		{"POST /v1/instances/web/migrate/resolve", `{"side":"target"}`, 204, "resolve migration target web", ""},
		{"POST /v1/receive", `{"listen":":0",` + someTLS + `}`, 200, `receive :0 tls=/ca.pem,/a.pem,/a.key, name="" disks= expire=0s unconfined=false slow=false kvm=""`, `{"received":{"version":1`},
		{
			"POST /v1/receive",
			`{"listen":"unix:/in","name":"again","disks":{"root":"/srv/r","data":"/srv/d"},"expire":"10m","unconfined":true,"slow_kvm":true,"kvm":"/dev/kvm2"}`,
			200, `receive unix:/in tls=plain name="again" disks=data=/srv/d,root=/srv/r expire=10m0s unconfined=true slow=true kvm="/dev/kvm2"`, `{"listening":"unix:/in"}`,
		},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		resp, body := s.do(t, method, path, test.body)
		if resp.StatusCode != test.status || !strings.Contains(body, test.answer) || test.answer == "" && body != "" {
			t.Errorf("%s %s: %d %s, want %d %q", test.request, test.body, resp.StatusCode, body, test.status, test.answer)
		}
		if got := e.take(); got != test.asked {
			t.Errorf("%s %s: the engine was asked\n%s, want\n%s", test.request, test.body, got, test.asked)
		}
	}
}

func TestBadRequestsForMovesAreRefused(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	for _, test := range []struct {
		request, body string
		kind          instance.Kind
		message       string // a part
	}{
		{"POST /v1/instances/web/migrate", "", "invalid", `field "to": it is missing`},
		{"POST /v1/instances/web/migrate", `{"to":"vm2"}`, "invalid", `address "vm2": the other side cannot be told from anybody else: give "tls"`},
		{"POST /v1/instances/web/migrate", `{` + plainMove + `,` + someTLS + `}`, "invalid", `"tls" and "plaintext" contradict each other`},
		{"POST /v1/instances/web/migrate", `{"to":"vm2","tls":{"ca":"/ca.pem","cert":"/a.pem"}}`, "invalid", `field "tls"."key": it is missing`},
		{"POST /v1/instances/web/migrate", `{"to":"vm2","tls":{"ca":"/ca.pem","cert":"","key":"/a.key"}}`, "invalid", "one of them is missing"},
		{"POST /v1/instances/web/migrate", `{"to":"vm2","tls":{"ca":"ca.pem","cert":"/a.pem","key":"/a.key"}}`, "invalid", `path "ca.pem": it has to be absolute`},
		{"POST /v1/instances/web/migrate", `{"to":"unix:/in",` + someTLS + `}`, "invalid", "a unix socket is reached on its own host only"},
		{"POST /v1/instances/web/migrate", `{"to":":99","plaintext":true}`, "invalid", "it names no host"},
		{"POST /v1/instances/web/migrate", `{"to":"vm2:x","plaintext":true}`, "invalid", `port "x": want a number`},
		{"POST /v1/instances/web/migrate", `{` + plainMove + `,"connections":9}`, "invalid", "connections 9"},
		{"POST /v1/instances/web/migrate", `{` + plainMove + `,"connections":-1}`, "invalid", `field "connections": -1 is no integer from 0 to 255`},
		{"POST /v1/instances/web/migrate", `{` + plainMove + `,"compression":"gzip"}`, "invalid", `compression "gzip": it is none of auto, none, lz4, zstd`},
		{"POST /v1/instances/web/migrate", `{` + plainMove + `,"throttle":100}`, "invalid", "throttle 100"},
		{"POST /v1/instances/web/migrate", `{` + plainMove + `,"downtime":"soon"}`, "invalid", `field "downtime": "soon" is no duration`},
		{"POST /v1/instances/web/migrate", `{` + plainMove + `,"timeout":"-1s"}`, "invalid", "timeout -1s: it is negative"},
		{"POST /v1/instances/web/migrate", `{` + plainMove + `,"colour":1}`, "invalid", `field "colour": there is no such field`},
		{"POST /v1/instances/web/migrate/cancel", "{}", "invalid", "the route takes none"},
		{"POST /v1/instances/web/migrate/resolve", "", "invalid", `field "side": it is missing`},
		{"POST /v1/instances/web/migrate/resolve", `{"side":"both"}`, "invalid", `field "side": "both" is none of source, target`},
		{"POST /v1/receive", "", "invalid", `field "listen": it is missing`},
		{"POST /v1/receive", `{"listen":":0"}`, "invalid", `address ":0": the other side cannot be told`},
		{"POST /v1/receive", `{"listen":":0","tls":{"ca":"/ca.pem","cert":"/a.pem","key":"/a.key","name":"vm1"}}`, "invalid", "who receives expects none"},
		{"POST /v1/receive", `{"listen":"unix:in"}`, "invalid", "the socket's path has to be absolute"},
		{"POST /v1/receive", `{"listen":"unix:/in","name":"a b"}`, "invalid", `name "a b"`},
		{"POST /v1/receive", `{"listen":"unix:/in","disks":{"root":"r"}}`, "invalid", `disk "root": path "r"`},
		{"GET /v1/receive", "", kindBadMethod, "the path has POST"},
		{"POST /v1/instances/none/migrate", `{` + plainMove + `}`, "not-found", `instance "none"`},
		{"POST /v1/instances/none/migrate/cancel", "", "not-found", `instance "none"`},
		{"POST /v1/instances/none/migrate/resolve", `{"side":"target"}`, "not-found", `instance "none"`},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		resp, body := s.do(t, method, path, test.body)
		if f := failureIn(t, body); resp.StatusCode != statusOf(test.kind) || f.Kind != test.kind || !strings.Contains(f.Message, test.message) {
			t.Errorf("%s %s: %d %+v, want %s: %s", test.request, test.body, resp.StatusCode, f, test.kind, test.message)
		}
		if got := e.take(); got != "" && test.kind != "not-found" {
			t.Errorf("%s %s: the engine was asked: %s", test.request, test.body, got)
		}
	}
}

// TestAMoveThatFailsSaysSoInItsLastLine has both sides fail after they have said
// something.
func TestAMoveThatFailsSaysSoInItsLastLine(t *testing.T) {
	e := &fakeEngine{rounds: 3, err: &instance.Error{Kind: instance.KindFailed, Err: errors.New("copying: the link is cut")}}
	s := startServer(t, e, Options{})
	const failure = `{"error":{"kind":"failed","message":"copying: the link is cut"}}`
	for path, test := range map[string]struct{ body, first string }{
		"/v1/instances/web/migrate": {"{" + plainMove + "}", `{"progress":{"phase":"copying",`},
		"/v1/receive":               {`{"listen":"unix:/in"}`, `{"listening":"unix:/in"}`},
	} {
		resp, body := s.do(t, "POST", path, test.body)
		lines := strings.Split(body, "\n")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != mediaLines || !strings.HasPrefix(lines[0], test.first) || lines[len(lines)-2] != failure || len(lines) < 5 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	// Before there was anything to say, it is an error as any.
	e.rounds = 0
	if resp, body := s.do(t, "POST", "/v1/instances/web/migrate", "{"+plainMove+"}"); resp.StatusCode != 500 || body != failure+"\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestAMoveEndsWithItsClient has the client go while memory is on its way.
func TestAMoveEndsWithItsClient(t *testing.T) {
	for path, body := range map[string]string{
		"/v1/instances/web/migrate": "{" + plainMove + "}",
		"/v1/receive":               `{"listen":"unix:/in"}`,
	} {
		e := &fakeEngine{rounds: 1, block: make(chan struct{}), entered: make(chan struct{})}
		s := startServer(t, e, Options{MaxStreams: 1})
		ctx, cancel := context.WithCancel(t.Context())
		resp := s.send(t, ctx, "POST", path, strings.NewReader(body), "Content-Type", mediaJSON)
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		if err != nil || !strings.Contains(line, `"progress"`) && !strings.Contains(line, `"listening"`) {
			t.Fatalf("%q, %v", line, err)
		}
		<-e.entered
		cancel()
		resp.Body.Close()
		// The engine has let go when the only place for what lasts is free.
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if resp, _ := s.do(t, "GET", "/v1/instances/web/logs", ""); resp.StatusCode == http.StatusOK {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s goes on", path)
			}
		}
	}
}

// TestAMoveEndsWithTheServer stops a server, and wants the client to be told why.
func TestAMoveEndsWithTheServer(t *testing.T) {
	e := &fakeEngine{rounds: 1, block: make(chan struct{}), entered: make(chan struct{})}
	s := startServer(t, e, Options{})
	resp := s.send(t, t.Context(), "POST", "/v1/instances/web/migrate", strings.NewReader("{"+plainMove+"}"), "Content-Type", mediaJSON)
	defer resp.Body.Close()
	<-e.entered
	told := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(resp.Body)
		told <- string(b)
	}()
	s.stop()
	select {
	case got := <-told:
		if !strings.HasPrefix(got, `{"progress"`) || !strings.Contains(got, "\n"+`{"error":{"kind":"shutting-down"`) {
			t.Error(got)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}

// brokenWriter is an answer that nobody takes, from some line on.
type brokenWriter struct {
	header http.Header
	good   int
	lines  []string
}

func (b *brokenWriter) Header() http.Header { return b.header }

func (b *brokenWriter) WriteHeader(int) {}

func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.good == 0 {
		return 0, errors.New("nobody is there")
	}
	b.good--
	b.lines = append(b.lines, string(p))
	return len(p), nil
}

func (b *brokenWriter) Flush() {}

// TestAFeedDropsWhatIsBetween puts more lines than wait, before any is written.
func TestAFeedDropsWhatIsBetween(t *testing.T) {
	w := &brokenWriter{header: make(http.Header), good: 1000}
	f := &feed{s: New(&fakeEngine{}, Options{}), w: w, wake: make(chan struct{}, 1), done: make(chan struct{})}
	for i := range 3 * maxFed {
		f.put(i)
	}
	go f.run()
	f.finish("last")
	f.put("too late")
	got := strings.Join(w.lines, "")
	var want strings.Builder
	for i := range maxFed - 1 {
		fmt.Fprintln(&want, i)
	}
	fmt.Fprintf(&want, "%d\n\"last\"\n", 3*maxFed-1)
	if got != want.String() {
		t.Errorf("written: %q, want %q", got, want.String())
	}
}

func TestAFeedTellsThatTheClientIsGone(t *testing.T) {
	w := &brokenWriter{header: make(http.Header), good: 1}
	ctx, cancel := context.WithCancelCause(t.Context())
	f := New(&fakeEngine{}, Options{}).feedLines(w, cancel)
	f.put("taken")
	for ctx.Err() == nil {
		f.put("not taken") // a wait for the writer, which sees each put once
	}
	for range 3 * maxFed {
		f.put("nor these")
	}
	f.finish("nor this")
	if !errors.Is(context.Cause(ctx), errVanished) || len(w.lines) != 1 {
		t.Errorf("%v, %q", context.Cause(ctx), w.lines)
	}
}

func TestMetricsOfAMove(t *testing.T) {
	e := &fakeEngine{}
	p := testProgress()
	p.Throttle = 20
	e.stats = &manager.Stats{ID: testID, Name: "web", Moving: &p}
	s := startServer(t, e, Options{})
	_, body := s.do(t, "GET", "/metrics", "")
	for name, value := range map[string]string{
		"sent_bytes_total": "5.4525952e+08", "left_bytes": "8.388608e+06", "rate_bytes_per_second": "4.194304e+08",
		"dirty_bytes_per_second": "2.097152e+07", "expected_downtime_seconds": "0.021", "elapsed_seconds": "1.3", "rounds": "2", "throttle_ratio": "0.2",
	} {
		if line := fmt.Sprintf("\nhull_migration_%s{id=\"0123456789ab\",name=\"web\"} %s\n", name, value); !strings.Contains(body, line) {
			t.Errorf("no %s in\n%s", line, body)
		}
	}
	// One that stays has none.
	e = &fakeEngine{}
	if _, body := startServer(t, e, Options{}).do(t, "GET", "/metrics", ""); strings.Contains(body, "hull_migration_") {
		t.Errorf("in\n%s", body)
	}
}
