package peripherals

import (
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/balloon"
)

func (s *Set) addBalloon(m *configs.Machine) error {
	c := m.Balloon
	if !c.Enabled {
		return nil
	}
	d, err := balloon.New(balloon.Config{
		Name: "balloon", Target: uint64(c.Size), DeflateOnOOM: c.DeflateOnOOM,
		Statistics: true, Reporting: c.FreePageReporting, Log: s.options.Log,
	})
	if err != nil {
		return err
	}
	s.Balloon = d
	s.add(Label{Kind: "balloon"}, d)
	return nil
}
