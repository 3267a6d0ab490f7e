package pages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/migrate/wire"
)

func page(b byte) []byte { return bytes.Repeat([]byte{b}, PageSize) }

// frameOf is a frame, whatever sense it makes.
func frameOf(h head, runs []run, data []byte) []byte {
	return append(appendFrame(nil, h, runs), data...)
}

// receiverOf is a receiver of memory of so many pages, without connections that work.
func receiverOf(t testing.TB, connections int, pages ...uint64) (*Receiver, *slots) {
	t.Helper()
	memory := slotsOf(pages...)
	var conns []net.Conn
	for range connections {
		a, b := net.Pipe()
		_ = b.Close()
		conns = append(conns, a)
	}
	r, err := NewReceiver(memory, conns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, memory
}

func zstdOf(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func lz4Of(t testing.TB, b []byte) []byte {
	t.Helper()
	out := make([]byte, lz4.CompressBlockBound(len(b)))
	n, err := lz4.CompressBlock(b, out, nil)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	return out[:n]
}

// Frames that are wrong in one thing each are refused with it, and write nothing.
func TestFramesThatAreRefused(t *testing.T) {
	const p = PageSize
	good := head{epoch: 1, size: p}
	one := []run{{256, 1, false}} // of connection 1 of 2
	many := make([]run, maxRuns+1)
	for i := range many {
		many[i] = run{256 + uint64(i)/256*512 + uint64(i)%256, 1, true}
	}
	big := head{epoch: 1, size: (maxData + 1) * p}
	change := func(frame []byte, at int, b byte) []byte {
		frame = bytes.Clone(frame)
		frame[at] = b
		return frame
	}
	ok := frameOf(good, one, page(1))
	for name, test := range map[string]struct {
		frame []byte
		want  string
	}{
		"nothing":                   {nil, "ends within its head"},
		"a part of a head":          {ok[:headSize-1], "ends within its head"},
		"reserved":                  {change(ok, 13, 1), "reserved"},
		"an unknown encoding":       {change(ok, 4, 3), "encoding 3 is not known"},
		"auto":                      {change(change(ok, 4, 255), 5, 255), "encoding 65535 is not known"},
		"no run":                    {frameOf(head{epoch: 1}, nil, nil), "0 runs"},
		"too many runs":             {frameOf(head{epoch: 1}, many, nil), "513 runs"},
		"a part of a run":           {frameOf(good, one, nil)[:headSize+runSize-1], "ends within its 1 runs"},
		"an unknown kind of run":    {change(ok, headSize+12, 2), "kind 2"},
		"an empty run":              {frameOf(good, []run{{256, 0, false}}, page(1)), "0 pages from 256 on"},
		"a page after memory":       {frameOf(good, []run{{900, 1, false}}, page(1)), "1 pages from 900 on: the memory has 900"},
		"a page far after it":       {frameOf(good, []run{{math.MaxUint64, 1, false}}, page(1)), "the memory has 900"},
		"a run over the end":        {frameOf(good, []run{{899, 2, true}}, nil), "2 pages from 899 on"},
		"an endless run":            {frameOf(good, []run{{256, math.MaxUint32, true}}, nil), "4294967295 pages"},
		"runs that do not ascend":   {frameOf(head{epoch: 1, size: 2 * p}, []run{{300, 1, false}, {299, 1, false}}, make([]byte, 2*p)), "page 299 is before"},
		"runs that overlap":         {frameOf(head{epoch: 1, size: 3 * p}, []run{{300, 2, false}, {301, 1, false}}, make([]byte, 3*p)), "page 301 is before"},
		"another's page":            {frameOf(good, []run{{255, 1, false}}, page(1)), "page 255 is another connection's"},
		"another's page, later":     {frameOf(good, []run{{256, 1, true}, {512, 1, false}}, page(1)), "page 512 is another connection's"},
		"two groups":                {frameOf(head{epoch: 1, size: 2 * p}, []run{{511, 2, false}}, make([]byte, 2*p)), "not of one group"},
		"too much data":             {frameOf(big, []run{{256, 256, false}, {768, 132, false}, {900, 1, false}}, make([]byte, big.size)), "the memory has 900"},
		"a size of another count":   {frameOf(head{epoch: 1, size: 2 * p}, one, make([]byte, 2*p)), "1 pages of data, and 8192 bytes"},
		"a size of no page":         {frameOf(head{epoch: 1, size: p - 1}, one, make([]byte, p-1)), "1 pages of data, and 4095 bytes"},
		"too little data":           {ok[:len(ok)-1], "4095 bytes of data for pages of 4096"},
		"too much of it":            {append(bytes.Clone(ok), 0), "4097 bytes of data for pages of 4096"},
		"data for zeroes":           {frameOf(head{epoch: 1}, []run{{256, 1, true}}, []byte{1}), "and no page for them"},
		"zeroes that are encoded":   {frameOf(head{epoch: 1, encoding: LZ4}, []run{{256, 1, true}}, nil), "and no page for them"},
		"encoded and larger":        {frameOf(head{epoch: 1, encoding: LZ4, size: p}, one, make([]byte, p+1)), "4097 bytes of data (lz4)"},
		"no lz4":                    {frameOf(head{epoch: 1, encoding: LZ4, size: p}, one, []byte{0xff}), "decompress (lz4)"},
		"no zstd":                   {frameOf(head{epoch: 1, encoding: Zstd, size: p}, one, []byte("abcdefgh")), "decompress (zstd)"},
		"lz4 of too little":         {frameOf(head{epoch: 1, encoding: LZ4, size: p}, one, lz4Of(t, page(1)[1:])), "4095 bytes, want 4096"},
		"lz4 of too much":           {frameOf(head{epoch: 1, encoding: LZ4, size: p}, one, lz4Of(t, make([]byte, p+1))), "decompress (lz4)"},
		"zstd of too little":        {frameOf(head{epoch: 1, encoding: Zstd, size: p}, one, zstdOf(t, page(1)[1:])), "4095 bytes, want 4096"},
		"zstd of too much":          {frameOf(head{epoch: 1, encoding: Zstd, size: p}, one, zstdOf(t, make([]byte, 1<<24))), "decompress (zstd)"},
		"zstd of nothing":           {frameOf(head{epoch: 1, encoding: Zstd, size: p}, one, nil), "0 bytes, want 4096"},
		"the epoch before":          {frameOf(head{epoch: 0, size: p}, one, page(1)), "epoch 0, want 1"},
		"the epoch after":           {frameOf(head{epoch: 2, size: p}, one, page(1)), "epoch 2, want 1"},
		"data before what is wrong": {frameOf(head{epoch: 1, size: 2 * p}, []run{{256, 1, false}, {900, 1, false}}, make([]byte, 2*p)), "the memory has 900"},
	} {
		r, memory := receiverOf(t, 2, 300, 600)
		err := r.ins[1].memory(test.frame)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that has %q", name, err, test.want)
		}
		wantSame(t, memory, slotsOf(300, 600))
		if r.ins[1].frames != 0 || r.ins[1].pages != 0 {
			t.Errorf("%s: it was counted", name)
		}
	}
	r, memory := receiverOf(t, 2, 300, 600)
	if err := r.ins[1].memory(ok); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(memory.page(256), page(1)) {
		t.Error("a good frame is not in memory")
	}
}

// The most data that a frame may have is taken, and a page more is not.
func TestTheLargestFrame(t *testing.T) {
	for _, n := range []uint64{maxData, maxData + 1} {
		r, memory := receiverOf(t, 1, 3*groupPages)
		runs := []run{{0, groupPages, false}, {groupPages, groupPages, false}}
		if n > maxData {
			runs = append(runs, run{2 * groupPages, 1, false})
		}
		data := bytes.Repeat([]byte{7}, int(n*PageSize))
		frame := frameOf(head{epoch: 1, size: len(data)}, runs, data)
		if len(frame) > wire.MaxMemory && n == maxData {
			t.Fatalf("it has %d bytes, and a frame may have %d", len(frame), wire.MaxMemory)
		}
		err := r.ins[0].memory(frame)
		if (err == nil) != (n == maxData) || (memory.page(0)[0] == 7) != (n == maxData) {
			t.Errorf("%d pages of data: error %v", n, err)
		}
	}
}

// Memory that was never written is not touched by zeroes.
func TestZeroesOverNothingWriteNothing(t *testing.T) {
	r, _ := receiverOf(t, 1, 600)
	counts := &counting{slots: slotsOf(600)}
	r.memory = counts
	for i, test := range []struct {
		frame []byte
		want  int // pages that were made zero, in all
	}{
		{frameOf(head{epoch: 1}, []run{{0, 256, true}, {256, 256, true}}, nil), 0},
		{frameOf(head{epoch: 1, size: PageSize}, []run{{300, 1, false}}, page(9)), 0},
		{frameOf(head{epoch: 1}, []run{{256, 256, true}}, nil), 1},
		{frameOf(head{epoch: 1}, []run{{256, 256, true}}, nil), 1},
	} {
		if err := r.ins[0].memory(test.frame); err != nil {
			t.Fatal(err)
		}
		if counts.zeroed != test.want {
			t.Errorf("frame %d: %d pages were made zero, want %d", i, counts.zeroed, test.want)
		}
	}
	wantSame(t, counts.slots, slotsOf(600))
}

type counting struct {
	*slots
	zeroed int
}

func (c *counting) Zero(a mem.Addr, n uint64) error {
	c.zeroed += int(n / PageSize)
	return c.slots.Zero(a, n)
}

// talk is a receiver with a source that says what a test has it say.
func talk(t *testing.T, say func(w []*wire.Conn, conns []net.Conn)) (r *Receiver, ran chan error) {
	t.Helper()
	a, b := socketPairs(t, 2)
	r, err := NewReceiver(slotsOf(600), b)
	if err != nil {
		t.Fatal(err)
	}
	ran = make(chan error, 1)
	go func() { ran <- r.Run(t.Context()) }()
	say([]*wire.Conn{wire.New(a[0]), wire.New(a[1])}, a)
	return r, ran
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestEpochsFollowEachOther(t *testing.T) {
	devicestest.CheckGoroutines(t)
	frame := func(epoch uint32) []byte {
		return frameOf(head{epoch: epoch, size: PageSize}, []run{{0, 1, false}}, page(1))
	}
	end := func(epoch uint32, n uint64) wire.EpochEnd {
		return wire.EpochEnd{Epoch: epoch, Frames: n, Pages: n}
	}
	for name, test := range map[string]struct {
		say  func(t *testing.T, w *wire.Conn, c net.Conn)
		want string
	}{
		"a later epoch":       {func(t *testing.T, w *wire.Conn, _ net.Conn) { must(t, w.Write(wire.TypeMemory, frame(2))) }, "connection 0: frame 0: epoch 2, want 1"},
		"the end of a later":  {func(t *testing.T, w *wire.Conn, _ net.Conn) { must(t, w.WriteMessage(end(2, 0))) }, "the end of epoch 2, want 1"},
		"an end without them": {func(t *testing.T, w *wire.Conn, _ net.Conn) { must(t, w.WriteMessage(end(1, 1))) }, "ends after 1 frames of 1 pages, and 0 of 0 came"},
		"an end with fewer": {func(t *testing.T, w *wire.Conn, _ net.Conn) {
			must(t, w.Write(wire.TypeMemory, frame(1)))
			must(t, w.WriteMessage(wire.EpochEnd{Epoch: 1, Frames: 1, Pages: 2}))
		}, "ends after 1 frames of 2 pages, and 1 of 1 came"},
		"two ends": {func(t *testing.T, w *wire.Conn, _ net.Conn) {
			must(t, w.WriteMessage(end(1, 0)))
			must(t, w.WriteMessage(end(1, 0)))
		}, "the end of epoch 1, want 2"},
		"an epoch that is over": {func(t *testing.T, w *wire.Conn, _ net.Conn) {
			must(t, w.WriteMessage(end(1, 0)))
			must(t, w.Write(wire.TypeMemory, frame(1)))
		}, "epoch 1, want 2"},
		"what is no memory": {func(t *testing.T, w *wire.Conn, _ net.Conn) { must(t, w.WriteMessage(wire.Cancel{})) }, "want epoch-end"},
		"no frame":          {func(t *testing.T, _ *wire.Conn, c net.Conn) { _, err := c.Write(make([]byte, 24)); must(t, err) }, "wrong checksum"},
		"an end within an epoch": {func(t *testing.T, w *wire.Conn, c net.Conn) {
			must(t, w.Write(wire.TypeMemory, frame(1)))
			must(t, c.Close())
		}, "the source closed it in epoch 1"},
		"an end within a frame": {func(t *testing.T, _ *wire.Conn, c net.Conn) {
			_, err := c.Write([]byte{6, 0})
			must(t, err)
			must(t, c.Close())
		}, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			r, ran := talk(t, func(w []*wire.Conn, c []net.Conn) { test.say(t, w[0], c[0]) })
			err := <-ran
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "receive memory: connection 0: ") {
				t.Errorf("error %v, want one that has %q", err, test.want)
			}
			if other := r.Wait(t.Context(), 5); other == nil || !strings.Contains(other.Error(), test.want) {
				t.Errorf("who waits is told %v", other)
			}
			r.Close()
		})
	}
}

func TestAnEpochIsThereWhenAllConnectionsHaveIt(t *testing.T) {
	devicestest.CheckGoroutines(t)
	r, ran := talk(t, func(w []*wire.Conn, c []net.Conn) {
		must(t, w[0].WriteMessage(wire.EpochEnd{Epoch: 1}))
		f, err := w[0].Read()
		must(t, err)
		if m, err := wire.Expect[wire.EpochDone](f); err != nil || m.Epoch != 1 {
			t.Errorf("%+v, %v", m, err)
		}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("of a test"))
	if err := r.Wait(ctx, 1); err == nil || !strings.Contains(err.Error(), "epoch 1: of a test") {
		t.Errorf("error %v: the other connection has nothing", err)
	}
	if err := r.Wait(t.Context(), 0); err != nil {
		t.Error(err)
	}
	r.Close()
	if err := <-ran; err != nil {
		t.Errorf("error %v of a receiver that was closed", err)
	}
	if err := r.Wait(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestAConnectionMayEndBetweenEpochs(t *testing.T) {
	r, ran := talk(t, func(w []*wire.Conn, c []net.Conn) {
		for i := range w {
			must(t, w[i].WriteMessage(wire.EpochEnd{Epoch: 1}))
			_, err := w[i].Read()
			must(t, err)
			must(t, c[i].Close())
		}
	})
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if err := r.Wait(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if err := r.Wait(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "closed it after epoch 1") {
		t.Errorf("error %v", err)
	}
	if err := r.Finish(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

func TestPagesAfterTheLastEpochAreAnError(t *testing.T) {
	for name, say := range map[string]func(w *wire.Conn){
		"a page": func(w *wire.Conn) {
			must(t, w.Write(wire.TypeMemory, frameOf(head{epoch: 2, size: PageSize}, []run{{0, 1, false}}, page(1))))
		},
		"an epoch": func(w *wire.Conn) { must(t, w.WriteMessage(wire.EpochEnd{Epoch: 2})) },
	} {
		r, _ := talk(t, func(w []*wire.Conn, c []net.Conn) {
			for i := range w {
				must(t, w[i].WriteMessage(wire.EpochEnd{Epoch: 1}))
			}
			say(w[0])
		})
		devicestest.Eventually(t, "what is too much", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.places[0].more || r.places[0].done == 2
		})
		if err := r.Finish(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "1 was the last") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestReceiversThatAreNotMade(t *testing.T) {
	for want, test := range map[string]struct {
		memory Target
		n      int
	}{
		"0 connections":    {slotsOf(1), 0},
		"9 connections":    {slotsOf(1), 9},
		"there is no memo": {slotsOf(), 1},
		"of 0 bytes":       {slotsOf(0), 1},
	} {
		_, err := NewReceiver(test.memory, make([]net.Conn, test.n))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		_, err = NewSender(test.memory.(*slots), make([]net.Conn, test.n), Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestAReceiverThatIsClosedBeforeItRuns(t *testing.T) {
	devicestest.CheckGoroutines(t)
	r, _ := receiverOf(t, 3, 10)
	r.Close()
	if err := r.Run(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, b := socketPairs(t, 2)
	r, err := NewReceiver(slotsOf(5), b)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestNamesOfEncodings(t *testing.T) {
	for _, name := range []string{"auto", "none", "lz4", "zstd"} {
		e, err := ParseEncoding(name)
		if err != nil || e.String() != name {
			t.Errorf("%s: %v, %v", name, e, err)
		}
	}
	if _, err := ParseEncoding("gzip"); err == nil || !strings.Contains(err.Error(), "auto, none, lz4 or zstd") {
		t.Errorf("error %v", err)
	}
	if got := fmt.Sprint(Encoding(9)); got != "encoding 9" {
		t.Error(got)
	}
}
