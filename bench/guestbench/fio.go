package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hullvm/hull/bench/figures"
)

// fioJobs is what is used of fio's report, by the names of its jobs.
type fioJobs map[string]fioJob

type fioJob struct {
	Name  string  `json:"jobname"`
	Error int     `json:"error"` // errno
	Read  fioSide `json:"read"`
	Write fioSide `json:"write"`
}

type fioSide struct {
	BytesPerSecond float64 `json:"bw_bytes"`
	IOPS           float64 `json:"iops"`
	Total          int64   `json:"total_ios"`
}

// parseFio reads the report, before which fio may have put remarks.
func parseFio(out []byte) (fioJobs, error) {
	i := bytes.IndexByte(out, '{')
	if i < 0 {
		return nil, fmt.Errorf("fio: no report in %.200q", out)
	}
	var report struct {
		Jobs []fioJob `json:"jobs"`
	}
	if err := json.NewDecoder(bytes.NewReader(out[i:])).Decode(&report); err != nil {
		return nil, fmt.Errorf("fio: report: %w", err)
	}
	jobs := make(fioJobs)
	for _, j := range report.Jobs {
		jobs[j.Name] = j
	}
	return jobs, nil
}

// value is a figure in its own unit.
func (jobs fioJobs) value(f figures.Figure) (float64, error) {
	j, ok := jobs[f.ID]
	if !ok {
		return 0, errors.New("fio: not in its report")
	}
	if j.Error != 0 {
		return 0, fmt.Errorf("fio: error %d", j.Error)
	}
	side := j.Read
	if strings.HasSuffix(f.RW, "write") {
		side = j.Write
	}
	if side.Total == 0 {
		return 0, errors.New("fio: no request has ended")
	}
	if f.Unit == "IOPS" {
		return side.IOPS, nil
	}
	return side.BytesPerSecond / 1e6, nil
}
