package migration

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestMoveAndBack moves a machine under load from one side to the other and back, again and
// again, over links of all qualities, and holds it to not having noticed.
func TestMoveAndBack(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d -rounds %d", *seed, *rounds)
	random := rand.New(rand.NewPCG(*seed, 0))
	w := newWorld(t)
	m := w.boot(w.sides[0])
	for i := range *rounds {
		idle := []string{"20ms", "50ms", "200ms", "1s"}[random.IntN(4)]
		link := [][]string{nil, {"delay", "1ms"}, {"delay", "25ms"}, {"rate", "400mbit", "delay", "1ms"}, {"delay", "5ms", "2ms", "loss", "0.1%"}}[random.IntN(5)]
		options := [][]string{nil, {"--connections", "1"}, {"--connections", "8"}, {"--compression", "none"}, {"--verify"}, {"--bandwidth", "50MiB"}}[random.IntN(6)]
		t.Logf("move %d: idle %s, link %v, %v", i, idle, link, options)
		m.Do("idle " + idle)
		w.shape(link...)
		m.move(options...)
	}
	m.end()
}
