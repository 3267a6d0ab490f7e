package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mdlayher/vsock"

	"github.com/hullvm/hull/bench/figures"
)

const streamChunk = 64 << 10 // bytes of one write or read

func measureStreams(o figures.Order, of []figures.Figure) {
	for _, f := range of {
		move := streamOut
		if f.In {
			move = streamIn
		}
		v, err := move(o.Time)
		if err != nil {
			fail([]figures.Figure{f}, err)
			continue
		}
		value(f, v)
	}
}

// streamOut sends for a time, and returns megabytes per second until the host
// has told that it has got them all.
func streamOut(d time.Duration) (float64, error) {
	conn, err := vsock.Dial(vsock.Host, figures.StreamOutPort, nil)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	var sent uint64
	begin := time.Now()
	for chunk := make([]byte, streamChunk); time.Since(begin) < d; {
		n, err := conn.Write(chunk)
		sent += uint64(n)
		if err != nil {
			return 0, fmt.Errorf("vsock: after %d bytes: %w", sent, err)
		}
	}
	if err := conn.CloseWrite(); err != nil {
		return 0, err
	}
	var answer [8]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return 0, fmt.Errorf("vsock: the host's account: %w", err)
	}
	if got := binary.LittleEndian.Uint64(answer[:]); got != sent {
		return 0, fmt.Errorf("vsock: the host has got %d of %d bytes", got, sent)
	}
	return rate(sent, time.Since(begin)), nil
}

// streamIn receives for a time.
func streamIn(d time.Duration) (float64, error) {
	conn, err := vsock.Dial(vsock.Host, figures.StreamInPort, nil)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	var got uint64
	begin := time.Now()
	for chunk := make([]byte, streamChunk); time.Since(begin) < d; {
		n, err := conn.Read(chunk)
		got += uint64(n)
		if err != nil {
			return 0, fmt.Errorf("vsock: after %d bytes: %w", got, err)
		}
	}
	if got == 0 {
		return 0, errors.New("vsock: nothing was received")
	}
	return rate(got, time.Since(begin)), nil
}

// rate is in megabytes per second.
func rate(n uint64, d time.Duration) float64 { return float64(n) / 1e6 / d.Seconds() }
