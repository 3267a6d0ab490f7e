package main

import (
	"fmt"
	"strconv"

	"github.com/hullvm/hull/bench/figures"
)

// measureDisk runs one fio for all the figures, one job after the other: the
// start of fio takes longer than a job.
func measureDisk(o figures.Order, of []figures.Figure) {
	if len(of) == 0 {
		return
	}
	device, err := findDisk(figures.ScratchDisk)
	if err != nil {
		fail(of, err)
		return
	}
	out, err := output(fioArgs(o, device, of)...)
	jobs, parseErr := parseFio(out)
	if parseErr != nil {
		if err == nil {
			err = parseErr
		}
		fail(of, err)
		return
	}
	for _, f := range of {
		v, err := jobs.value(f)
		if err != nil {
			fail([]figures.Figure{f}, err)
			continue
		}
		value(f, v)
	}
}

// fioArgs is fio's command line: direct, on the whole device, without a file
// system between, so that the time goes to the disk's path.
func fioArgs(o figures.Order, device string, of []figures.Figure) []string {
	args := []string{
		"/usr/bin/fio", "--output-format=json", "--filename=" + device, "--direct=1", "--ioengine=libaio",
		"--thread", "--time_based", fmt.Sprintf("--runtime=%d", int(o.Time.Seconds())),
		"--invalidate=0", "--randrepeat=1", "--norandommap", "--allow_mounted_write=0",
	}
	for _, f := range of {
		args = append(args, "--name="+f.ID, "--stonewall", "--rw="+f.RW,
			"--bs="+strconv.Itoa(f.BlockSize), "--iodepth="+strconv.Itoa(f.Depth))
	}
	return args
}
