package blk

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/virtio"
)

func TestConfigurationSpace(t *testing.T) {
	d := newDevice(t, Config{Backend: newRAM(8*512 + 100), Queues: 3, QueueSize: 64, BlockSize: 1024, PhysicalBlockSize: 4096})
	want := make([]byte, 80)
	le := binary.LittleEndian
	le.PutUint64(want[0:], 8)
	le.PutUint32(want[8:], 1<<20)
	le.PutUint32(want[12:], 62)
	le.PutUint32(want[20:], 1024)
	want[24] = 2
	le.PutUint16(want[26:], 4)
	want[32] = 1
	le.PutUint16(want[34:], 3)
	le.PutUint32(want[36:], 4<<20)
	le.PutUint32(want[40:], 64)
	le.PutUint32(want[44:], 8)
	le.PutUint32(want[48:], 256<<10)
	le.PutUint32(want[52:], 1)
	want[56] = 1
	for n := 0; n <= len(want); n++ {
		for off := 0; off+n <= len(want); off++ {
			got := bytes.Repeat([]byte{0xff}, n)
			d.ReadConfig(uint64(off), got)
			if !bytes.Equal(got, want[off:off+n]) {
				t.Fatalf("%d bytes at %d: %x, want %x", n, off, got, want[off:off+n])
			}
		}
	}
	got := []byte{1, 2, 3}
	if d.ReadConfig(^uint64(0)-1, got); !bytes.Equal(got, make([]byte, 3)) {
		t.Errorf("past the end: %x", got)
	}
	if d.ID() != virtio.IDBlock || len(d.QueueSizes()) != 3 || d.QueueSizes()[2] != 64 {
		t.Errorf("id %d, queues %v", d.ID(), d.QueueSizes())
	}
}

func TestOnlyTheCacheModeIsWritable(t *testing.T) {
	d := newDevice(t, Config{Backend: newRAM(4096)})
	read := func() []byte {
		p := make([]byte, 80)
		d.ReadConfig(0, p)
		return p
	}
	want := read()
	for _, c := range []struct {
		off       uint64
		p         []byte
		writeback byte
	}{
		{0, bytes.Repeat([]byte{0}, 32), 1},
		{33, bytes.Repeat([]byte{0}, 40), 1},
		{^uint64(0) - 3, make([]byte, 40), 1},
		{32, []byte{0}, 0},
		{32, nil, 0},
		{30, []byte{9, 9, 7, 9}, 1},
		{0, make([]byte, 80), 0},
		{32, []byte{1, 0xff, 0xff, 0xff}, 1},
	} {
		d.WriteConfig(c.off, c.p)
		want[32] = c.writeback
		if got := read(); !bytes.Equal(got, want) {
			t.Fatalf("after %x at %d: %x, want %x", c.p, c.off, got, want)
		}
	}
}

func TestFeaturesFollowTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		config  Config
		have    uint64
		lack    uint64
		discard uint32
	}{
		{Config{}, FeatureFlush | FeatureConfigWCE | FeatureDiscard | FeatureWriteZeroes | FeatureSegMax, FeatureReadOnly | FeatureMQ, maxDiscardSectors},
		{Config{ReadOnly: true, Queues: 2}, FeatureReadOnly | FeatureMQ | FeatureFlush, FeatureDiscard | FeatureWriteZeroes, 0},
	} {
		c.config.Backend = newRAM(4096)
		d := newDevice(t, c.config)
		if f := d.Features(); f&c.have != c.have || f&c.lack != 0 {
			t.Errorf("%+v: features are %#x", c.config, f)
		}
		var p [4]byte
		d.ReadConfig(regMaxDiscardSectors, p[:])
		if got := binary.LittleEndian.Uint32(p[:]); got != c.discard {
			t.Errorf("%+v: max_discard_sectors is %d, want %d", c.config, got, c.discard)
		}
	}
}

func TestNewRefusesWhatMakesNoDevice(t *testing.T) {
	disk := newRAM(4096)
	for want, c := range map[string]Config{
		"no backend":                     {},
		"21 bytes":                       {Backend: disk, Serial: strings.Repeat("x", 21)},
		"-1 queues":                      {Backend: disk, Queues: -1},
		"257 queues":                     {Backend: disk, Queues: 257},
		"queues of 100 entries":          {Backend: disk, QueueSize: 100},
		"queues of 2 entries":            {Backend: disk, QueueSize: 2},
		"queues of 2048 entries":         {Backend: disk, QueueSize: 2048},
		"-3 workers":                     {Backend: disk, Workers: -3},
		"block size 513":                 {Backend: disk, BlockSize: 513},
		"block size 131072":              {Backend: disk, BlockSize: 1 << 17},
		"physical block size 512":        {Backend: disk, BlockSize: 4096, PhysicalBlockSize: 512},
		"physical block size 2147483648": {Backend: disk, PhysicalBlockSize: 1 << 31},
	} {
		c.Name = "data"
		_, err := New(c)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `disk "data": `) {
			t.Errorf("error is %v, want one of %q", err, want)
		}
	}
}
