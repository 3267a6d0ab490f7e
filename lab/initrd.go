package lab

import (
	"fmt"
	"path/filepath"

	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/guest/initrd"
	"github.com/hullvm/hull/guest/kernel"
)

// Modules of a lab host, in the order in which they are loaded, each with what
// it depends on. The agent can answer after those that carry its port and the
// machine's files; KVM comes before the rest because hosts exist for it.
var (
	neededModules = []string{
		"virtio_pci", "virtio_console", "kvm_amd",
		"9p", "9pnet_virtio", "overlay",
	}
	usefulModules = []string{
		"tun", "tap", "vhost_net", "vhost_vsock", "vhost_iotlb",
		"bridge", "br_netfilter", "veth", "dummy", "loop",
		"ext4", "squashfs", "erofs", "fuse", "virtiofs",
		"virtio_net", "virtio_blk",
		"sch_netem", "sch_tbf", "sch_htb", "sch_ingress",
		"nf_tables", "nft_ct", "nft_nat", "nft_masq", "nft_chain_nat", "nf_conntrack",
		"vsock_loopback",
	}
)

// BuildInitrd makes the initrd of lab hosts that run this kernel, below the
// cache, and returns its path. program is hull-agent. What was made before of
// the same parts is used again.
func BuildInitrd(cacheDir string, bundle *kernel.Bundle, program string) (string, error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("lab: initrd: %w", err) }
	needed, err := bundle.Modules(neededModules)
	if err != nil {
		return fail(fmt.Errorf("%w (Debian's linux-image-amd64 has all; the cloud flavour has no 9p)", err))
	}
	var there []string
	for _, name := range usefulModules {
		if bundle.Has(name) {
			there = append(there, name)
		}
	}
	all, err := bundle.Modules(append(neededModules[:len(neededModules):len(neededModules)], there...))
	if err != nil {
		return fail(err)
	}
	must := make(map[string]bool)
	for _, m := range needed {
		must[m.Name] = !m.Soft
	}
	var modules []initrd.Module
	for _, m := range all {
		modules = append(modules, initrd.Module{Name: m.Name, Path: m.Path, Optional: !must[m.Name]})
	}
	path, err := initrd.BuildFile(filepath.Join(cacheDir, "lab-initrd"), initrd.Options{
		Agent:   program,
		Modules: modules,
		Config: bootconf.Config{
			Hostname: "hull-lab",
			Lab: &bootconf.Lab{
				SerialPort: AgentPort,
				Root:       bootconf.Root{Tag: RootTag, FSType: "9p", Options: RootOptions, Overlay: true},
			},
		},
	})
	if err != nil {
		return fail(err)
	}
	return path, nil
}
