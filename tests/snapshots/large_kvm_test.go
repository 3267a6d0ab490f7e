package snapshots

import "testing"

// TestLargeGuest restores a machine that has most of its memory above 4 GiB.
func TestLargeGuest(t *testing.T) {
	w := newWorld(t)
	l := w.boot(kind{kernel: "debian-cloud", memory: "6GiB", more: "overcommit = true", mebibytes: 64, seed: 6})
	before := l.do("report")
	taken := w.snapshot(l)
	l.end(true)
	restored := w.restore(taken, false)
	restored.dated()
	restored.goesOn(before)
	restored.do("check")
	restored.quiet()
	restored.end(true)
	w.forget(taken)
}
