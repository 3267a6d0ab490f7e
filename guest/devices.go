package guest

import (
	"cmp"
	"net"
	"slices"
	"strings"

	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/configs"
)

// deviceModules are the drivers of the machine's devices and of the file systems
// on them.
func deviceModules(m *configs.Machine) []string {
	var want []string
	add := func(has bool, modules ...string) {
		if has {
			want = append(want, modules...)
		}
	}
	add(m.HasPCI(), "virtio_pci")
	add(len(m.Disks) > 0, "virtio_blk")
	for _, d := range m.Disks {
		add(d.Mount != "" && !slices.Contains(want, d.Filesystem), d.Filesystem)
	}
	add(len(m.Nets) > 0, "virtio_net")
	add(len(m.Shares) > 0, "virtiofs")
	add(m.Vsock.Path != "", "vmw_vsock_virtio_transport")
	add(m.Console.Output != configs.SerialNone, "virtio_console")
	add(m.RNG.Enabled, "virtio_rng")
	add(m.Balloon.Enabled, "virtio_balloon")
	return want
}

// mounts are what the agent mounts, folders before those in them.
func mounts(m *configs.Machine) []bootconf.Mount {
	var list []bootconf.Mount
	for _, d := range m.Disks {
		if d.Mount != "" {
			list = append(list, bootconf.Mount{Disk: d.Name, On: d.Mount, FSType: d.Filesystem, ReadOnly: d.ReadOnly})
		}
	}
	for _, s := range m.Shares {
		if s.Mount != "" {
			list = append(list, bootconf.Mount{Share: s.Name, On: s.Mount, ReadOnly: s.ReadOnly})
		}
	}
	slices.SortStableFunc(list, func(a, b bootconf.Mount) int {
		return cmp.Compare(depth(a.On), depth(b.On))
	})
	return list
}

// depth is how many folders lead to a clean absolute path.
func depth(p string) int {
	if p == "/" {
		return 0
	}
	return strings.Count(p, "/")
}

// interfaces are the network devices that the agent sets up.
func interfaces(m *configs.Machine) []bootconf.Interface {
	var list []bootconf.Interface
	for i := range m.Nets {
		n := &m.Nets[i]
		if n.Address == configs.AddressNone {
			continue
		}
		mac := n.HardwareAddr(m.Name)
		list = append(list, bootconf.Interface{
			MAC: net.HardwareAddr(mac[:]).String(), Address: n.Address, Gateway: n.Gateway, DNS: n.DNS,
		})
	}
	return list
}
