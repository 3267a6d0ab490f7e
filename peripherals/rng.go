package peripherals

import (
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/rng"
	"github.com/hullvm/hull/internal/ratelimit"
)

func (s *Set) addRNG(m *configs.Machine) error {
	if !m.RNG.Enabled {
		return nil
	}
	s.RNG = rng.New(rng.Config{
		Name:   "rng",
		Limits: ratelimit.Limits{Bytes: ratelimit.Rate{PerSecond: uint64(m.RNG.BytesPerSecond)}},
		Log:    s.options.Log,
	})
	s.add(Label{Kind: "rng"}, s.RNG)
	return nil
}
