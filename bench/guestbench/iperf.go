package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/hullvm/hull/bench/figures"
)

func measureTCP(o figures.Order, of []figures.Figure) {
	for _, f := range of {
		args := []string{"/usr/bin/iperf3", "-c", host(f), "-J", "-t", strconv.Itoa(int(o.Time.Seconds())), "--connect-timeout", "5000"}
		if f.In {
			args = append(args, "-R")
		}
		// Its report has the reason of a failure.
		out, runErr := output(args...)
		v, err := parseIperf(out)
		if err == nil {
			value(f, v)
			continue
		}
		if runErr != nil && len(bytes.TrimSpace(out)) == 0 {
			err = runErr
		}
		fail([]figures.Figure{f}, err)
	}
}

// parseIperf reads the received megabits per second from a report.
func parseIperf(out []byte) (float64, error) {
	var report struct {
		Error string `json:"error"`
		End   struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return 0, fmt.Errorf("iperf3: report: %w", err)
	}
	if report.Error != "" {
		return 0, fmt.Errorf("iperf3: %s", report.Error)
	}
	if report.End.Received.BitsPerSecond <= 0 {
		return 0, errors.New("iperf3: nothing was received")
	}
	return report.End.Received.BitsPerSecond / 1e6, nil
}
