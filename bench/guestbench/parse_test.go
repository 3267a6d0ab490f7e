package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/bench/figures"
)

func figure(t *testing.T, id string) figures.Figure {
	t.Helper()
	f, ok := figures.ByID(id)
	if !ok {
		t.Fatalf("no figure %q", id)
	}
	return f
}

func TestFiosReport(t *testing.T) {
	jobs, err := parseFio([]byte(`fio: this platform does not support process shared mutexes
{"fio version": "fio-3.33", "jobs": [
 {"jobname": "read-1", "error": 0, "read": {"bw_bytes": 250000000, "iops": 1907.3, "total_ios": 5722}, "write": {"bw_bytes": 0, "iops": 0, "total_ios": 0}},
 {"jobname": "randwrite-32", "error": 0, "read": {"total_ios": 0}, "write": {"bw_bytes": 4096000, "iops": 1000.5, "total_ios": 3000}},
 {"jobname": "write-1", "error": 5, "write": {"bw_bytes": 1, "iops": 1, "total_ios": 1}},
 {"jobname": "randread-1", "error": 0, "read": {"total_ios": 0}}
]}
trailing words`))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]float64{"read-1": 250, "randwrite-32": 1000.5} {
		if got, err := jobs.value(figure(t, id)); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", id, got, err, want)
		}
	}
	for id, want := range map[string]string{"write-1": "error 5", "randread-1": "no request", "read-32": "not in its report"} {
		if _, err := jobs.value(figure(t, id)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
	for _, bad := range []string{"", "fio: failed", "{", `{"jobs": 1}`} {
		if _, err := parseFio([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestFioIsAskedForEachFigureInItsTurn(t *testing.T) {
	args := strings.Join(fioArgs(figures.Order{Time: 2 * time.Second}, "/dev/vdb", []figures.Figure{figure(t, "read-32"), figure(t, "randwrite-1")}), " ")
	for _, want := range []string{
		"--filename=/dev/vdb", "--direct=1", "--runtime=2",
		"--name=read-32 --stonewall --rw=read --bs=131072 --iodepth=32 --name=randwrite-1 --stonewall --rw=randwrite --bs=4096 --iodepth=1",
	} {
		if !strings.Contains(args, want) {
			t.Errorf("no %q in %q", want, args)
		}
	}
}

func TestIperfsReport(t *testing.T) {
	got, err := parseIperf([]byte(`{"start": {}, "end": {"sum_sent": {"bits_per_second": 2e9}, "sum_received": {"bits_per_second": 1.5e9, "sender": true}}}`))
	if err != nil || got != 1500 {
		t.Errorf("got %v, %v", got, err)
	}
	for text, want := range map[string]string{
		`{"start": {}, "end": {}, "error": "unable to connect"}`: "unable to connect",
		`{"start": {}, "end": {}}`:                               "nothing was received",
		`iperf3: error`:                                          "report",
		``:                                                       "report",
	} {
		if _, err := parseIperf([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestRoundTripsAreTimed(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [2048]byte
		for {
			n, from, err := server.ReadFrom(b[:])
			if err != nil {
				return
			}
			_, _ = server.WriteTo([]byte("a stranger's word"), from)
			_, _ = server.WriteTo(b[:n], from)
		}
	}()
	times, err := roundTrips(server.LocalAddr().String(), 20)
	if err != nil || len(times) != 20 {
		t.Errorf("%d times, %v", len(times), err)
	}
	for _, v := range times {
		if v <= 0 {
			t.Errorf("a round trip took %v", v)
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	<-done
}
