package peripherals

import (
	"errors"
	"fmt"
	"os"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/net"
	"github.com/hullvm/hull/internal/ratelimit"
	"github.com/hullvm/hull/internal/vhost"
	"github.com/hullvm/hull/peripherals/handover"
)

func (s *Set) addNet(machine string, c *configs.Net) error {
	label := Label{"net", c.Name}
	name := label.String()
	backend, err := s.netBackend(c)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	mode, kernels, err := s.netKernels(c)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", name, err), backend.Close())
	}
	d, err := net.New(net.Config{
		Name:       c.Name,
		MAC:        net.MAC(c.HardwareAddr(machine)),
		MTU:        uint16(c.MTU),
		QueuePairs: c.Queues,
		Backend:    backend,
		LimitRX:    limiter(c.ReceivePerSecond),
		LimitTX:    limiter(c.TransmitPerSecond),
		// A user-mode network has one guest, and keeps what it has learnt of each
		// address: it is to hear of that guest's alone.
		AntiSpoof: c.Type == configs.NetUser,
		VHost:     mode,
		VHostNet:  kernels,
		Log:       s.options.Log,
	})
	if err != nil {
		return err // it has closed what it was given
	}
	s.onClose(name, d.Close)
	s.Nets[c.Name] = d
	s.add(label, d)
	return nil
}

// netBackend is what a network device's cable leads to.
func (s *Set) netBackend(c *configs.Net) (net.Backend, error) {
	if c.Type == configs.NetTap {
		return net.NewTap(s.files.Take(handover.Tap, c.Name))
	}
	f, err := s.need(handover.Frames, c.Name)
	if err != nil {
		return nil, err
	}
	return net.NewSocket(f)
}

// netKernels are the kernel's ends for the pairs of queues, where it is wanted and
// there.
func (s *Set) netKernels(c *configs.Net) (net.VHostMode, []net.VHostNet, error) {
	mode, err := net.ParseVHostMode(string(c.Vhost))
	files := s.files.Take(handover.VHost, c.Name)
	if err != nil || mode == net.VHostAuto && len(files) == 0 || c.Type != configs.NetTap {
		closeFiles(files)
		return net.VHostOff, nil, err
	}
	var kernels []net.VHostNet
	for i, f := range files {
		n, err := vhost.New(f)
		if err != nil {
			closeFiles(files[i+1:])
			for _, k := range kernels {
				err = errors.Join(err, k.Close())
			}
			return mode, nil, err
		}
		kernels = append(kernels, n)
	}
	return mode, kernels, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing was written
	}
}

// limiter is nil, and not an interface with nothing in it, for no limit.
func limiter(bytesPerSecond configs.Size) net.Limiter {
	if bytesPerSecond == 0 {
		return nil
	}
	return ratelimit.New(ratelimit.Limits{Bytes: ratelimit.Rate{PerSecond: uint64(bytesPerSecond)}}, ratelimit.Clock{})
}
