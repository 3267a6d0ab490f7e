package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/hullvm/hull/bench/figures"
	"github.com/hullvm/hull/bench/measure"
)

const (
	echoSize = 64 // bytes of a datagram
	echoTime = time.Second
	echoWarm = 10 // round trips that are not counted
)

// measureEcho does the round trips of each network once for all its figures.
func measureEcho(o figures.Order, of []figures.Figure) {
	networks := make(map[bool][]figures.Figure)
	for _, f := range of {
		networks[f.VHost] = append(networks[f.VHost], f)
	}
	for _, of := range networks {
		times, err := roundTrips(net.JoinHostPort(host(of[0]), strconv.Itoa(figures.EchoPort)), o.Packets)
		if err != nil {
			fail(of, err)
			continue
		}
		for _, f := range of {
			value(f, measure.Percentile(times, f.Percentile))
		}
	}
}

// roundTrips sends datagrams, each after the answer to the one before, and
// returns their times in microseconds. A few may be lost.
func roundTrips(address string, packets int) ([]float64, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var times []float64
	lost := 0
	for i := range packets + echoWarm {
		t, err := roundTrip(conn, uint64(i))
		switch {
		case err == nil && i >= echoWarm:
			times = append(times, float64(t)/float64(time.Microsecond))
		case errors.Is(err, os.ErrDeadlineExceeded):
			if lost++; lost > 3+packets/100 {
				return nil, fmt.Errorf("echo: %d of %d datagrams were lost", lost, i+1)
			}
		case err != nil:
			return nil, err
		}
	}
	return times, nil
}

func roundTrip(conn net.Conn, number uint64) (time.Duration, error) {
	var out, in [echoSize]byte
	binary.LittleEndian.PutUint64(out[:], number)
	begin := time.Now()
	if err := conn.SetDeadline(begin.Add(echoTime)); err != nil {
		return 0, err
	}
	if _, err := conn.Write(out[:]); err != nil {
		return 0, err
	}
	for {
		n, err := conn.Read(in[:])
		if err != nil {
			return 0, err
		}
		// An answer that comes late belongs to another.
		if n == echoSize && in == out {
			return time.Since(begin), nil
		}
	}
}
