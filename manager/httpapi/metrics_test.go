package httpapi

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hullvm/hull/manager/instance"
)

func TestMetricsSayWhatIsThere(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	s.do(t, "GET", "/v1/instances/web", "")
	s.do(t, "GET", "/v1/instances/none", "")
	s.do(t, "GET", "/made/up", "")
	s.do(t, "BREW", "/made/up/too", "")
	e.take()
	resp, body := s.do(t, "GET", "/metrics", "")
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %s", resp.StatusCode, resp.Header)
	}
	for _, line := range []string{
		`hull_http_requests_total{code="200",method="GET",route="/v1/instances/{ref}"} 1`,
		`hull_http_requests_total{code="404",method="GET",route="/v1/instances/{ref}"} 1`,
		`hull_http_requests_total{code="404",method="other",route="none"} 2`,
		`hull_http_request_duration_seconds_count{code="200",method="GET",route="/v1/instances/{ref}"} 1`,
		`hull_instances{status="running"} 1`,
		`hull_instances{status="exited"} 0`,
		`hull_instances{status="unreadable"} 1`,
		`hull_instances_readable 1`,
		`hull_instance_restarts{id="0123456789ab",name="web"} 3`,
		`hull_instance_cpu_seconds_total{id="0123456789ab",name="web"} 1.5`,
		`hull_instance_memory_bytes{id="0123456789ab",name="web"} 1.048576e+06`,
		`hull_instance_memory_limit_bytes{id="0123456789ab",name="web"} 5.36870912e+08`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("no %s in\n%s", line, body)
		}
	}
	if got, want := e.take(), "list all=true last=0 size=false map[]; stats "+testID; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	// Soon after, nobody is asked again.
	if _, body := s.do(t, "GET", "/v1/metrics", ""); !strings.Contains(body, `hull_instances{status="running"} 1`) || e.take() != "" {
		t.Errorf("the second look:\n%s", body)
	}
}

// collect gathers what the instances say, as names with counts.
func collect(t *testing.T, m *instanceMetrics) map[string]int {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(m)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, f := range families {
		got[f.GetName()] = len(f.GetMetric())
	}
	return got
}

func TestALookAtTheInstancesGrowsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fakeEngine{}
		m := newInstanceMetrics(e, slog.New(slog.DiscardHandler))
		collect(t, m)
		e.take()
		time.Sleep(scrapeAge)
		collect(t, m)
		if got := e.take(); got != "" {
			t.Errorf("asked again: %s", got)
		}
		time.Sleep(time.Nanosecond)
		collect(t, m)
		if got := e.take(); !strings.HasPrefix(got, "list") {
			t.Errorf("not asked again: %q", got)
		}
		time.Sleep(2 * scrapeAge)
		e.err = &instance.Error{Kind: instance.KindFailed, Err: errors.New("no disk")}
		if got := collect(t, m); len(got) != 1 || got["hull_instances_readable"] != 1 {
			t.Errorf("%v", got)
		}
	})
}

func TestRecoveryIsDoneOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		runs := 0
		done := make(chan struct{})
		e := &fakeEngine{}
		ctx, cancel := contextWithCancel(t)
		e.recover = func() ([]string, error) {
			runs++
			time.Sleep(time.Minute) // longer than from one to the next
			if runs == 3 {
				cancel()
			}
			return []string{testID}, errors.New("one of them is broken")
		}
		began := time.Now()
		go func() {
			defer close(done)
			KeepRecovered(ctx, e, RecoveryInterval, slog.New(slog.NewTextHandler(&log, nil)))
		}()
		<-done
		if runs != 3 || time.Since(began) != 3*time.Minute+2*RecoveryInterval {
			t.Errorf("%d runs in %v", runs, time.Since(began))
		}
		if strings.Count(log.String(), "instance=0123456789ab") != 3 || strings.Count(log.String(), "one of them is broken") != 2 {
			t.Error(log.String())
		}
	})
}
