package monitor

import (
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/balloon"
	"github.com/hullvm/hull/devices/virtio/blk"
	"github.com/hullvm/hull/devices/virtio/console"
	"github.com/hullvm/hull/devices/virtio/net"
	"github.com/hullvm/hull/devices/virtio/rng"
	"github.com/hullvm/hull/devices/virtio/vsock"
)

// counters are what a device has done so far; nil for one that does not count.
func counters(d virtio.Device) map[string]uint64 {
	switch d := d.(type) {
	case *blk.Device:
		s := d.Stats()
		return map[string]uint64{
			"reads": s.Reads, "writes": s.Writes, "flushes": s.Flushes, "discards": s.Discards, "write_zeroes": s.WriteZeroes,
			"read_bytes": s.ReadBytes, "written_bytes": s.WrittenBytes,
			"failed": s.Failed, "refused": s.Refused, "unsupported": s.Unsupported, "held": s.Held,
		}
	case *net.Device:
		in, out := d.Received(), d.Sent()
		return map[string]uint64{
			"received_frames": in.Frames, "received_bytes": in.Bytes, "sent_frames": out.Frames, "sent_bytes": out.Bytes,
			"received_dropped": dropped(in), "sent_dropped": dropped(out),
		}
	case *rng.Device:
		s := d.Stats()
		return map[string]uint64{"requests": s.Requests, "bytes": s.Bytes, "failed": s.Failed, "refused": s.Refused, "held": s.Held}
	case *balloon.Device:
		s := d.Counters()
		return map[string]uint64{
			"inflated_pages": s.Inflated, "deflated_pages": s.Deflated, "reported_bytes": s.Reported,
			"discards": s.Discards, "failed": s.Failed, "refused": s.Refused,
		}
	case *vsock.Device:
		s := d.Stats()
		return map[string]uint64{"connections": uint64(max(s.Connections, 0)), "dropped": s.Dropped, "refused": s.Refused}
	case *console.Console:
		return map[string]uint64{"lost_bytes": d.Lost()}
	}
	return nil
}

func dropped(c net.Counters) uint64 {
	return c.Filtered + c.LinkDown + c.Invalid + c.NoRoom + c.Refused
}
