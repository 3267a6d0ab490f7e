package snapshots

import "testing"

// TestLargeGuest restores a machine that has most of its memory above 4 GiB.
func TestLargeGuest(t *testing.T) {
	w := newWorld(t)
	l := w.boot(kind{kernel: "debian-cloud", memory: "6GiB", more: "overcommit = true", mebibytes: 64, seed: 6})
	before := l.Do("report")
	taken := w.snapshot(l)
	l.end(true)
	restored := w.restore(taken, false)
	restored.Dated()
	restored.GoesOn(before)
	restored.Do("check")
	restored.quiet()
	restored.end(true)
	w.forget(taken)
}
