package vsock

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/virtio"
)

func TestConfigurationsThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		c    Config
		want string
	}{
		{Config{}, "CID 0"},
		{Config{CID: HostCID}, "CID 2"},
		{Config{CID: 1<<32 - 1}, "CID 4294967295"},
		{Config{CID: 1 << 40}, "CID"},
		{Config{CID: 3, Connections: -1}, "-1 connections"},
		{Config{CID: 3, Connections: 1<<20 + 1}, "connections"},
		{Config{CID: 3, Connections: 10, Memory: 10*minWindow - 1}, "want at least 40960 for 10"},
	} {
		if _, err := New(test.c); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error is %v, want one that has %q", test.c, err, test.want)
		}
	}
}

func TestConfigurationSpace(t *testing.T) {
	d, err := New(Config{CID: 0x12345678})
	if err != nil {
		t.Fatal(err)
	}
	if d.ID() != virtio.IDVsock || d.Features() != 1 {
		t.Errorf("device %d offers %#x", d.ID(), d.Features())
	}
	whole := []byte{0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	d.WriteConfig(0, []byte{1, 2, 3})
	for off := range 12 {
		for n := range 4 {
			p := bytes.Repeat([]byte{0xaa}, n)
			d.ReadConfig(uint64(off), p)
			if !bytes.Equal(p, whole[off:off+n]) {
				t.Errorf("%d bytes at %d are %x", n, off, p)
			}
		}
	}
	d.ReadConfig(1<<64-1, make([]byte, 8))
}
