package kernel

import "path"

// roots are the modules that Hull's guests and lab hosts can use, as patterns
// of path.Match over module names; an import keeps them and what they depend
// on, unless told to keep all. A few megabytes instead of a few hundred.
var roots = []string{
	// Devices of Hull's machine, and of the machines it is compared with.
	"virtio", "virtio_*", "pvpanic", "pvpanic_mmio", "pvpanic_pci",
	"vmgenid", "ptp_kvm", "nd_pmem", "nd_virtio", "dax_pmem", "sd_mod", "sr_mod",
	// The power button.
	"button", "evdev",
	// File systems: shares, images and the overlay over them.
	"9p", "9pnet_virtio", "9pnet_fd", "fuse", "virtiofs", "overlay", "ext4",
	"squashfs", "erofs", "isofs", "vfat", "nls_ascii", "nls_cp437", "nls_iso8859_1", "loop",
	// DHCP.
	"af_packet",
	// Host and guest sockets.
	"vsock", "vsock_loopback", "vmw_vsock_virtio_transport",
	// A lab host runs Hull itself: KVM, vhost, taps.
	"kvm", "kvm_amd", "kvm_intel", "vhost", "vhost_*", "tun", "tap", "macvtap",
	// Container and migration networks in a lab host.
	"bridge", "br_netfilter", "veth", "dummy", "8021q", "ifb",
	"sch_netem", "sch_tbf", "sch_htb", "sch_ingress", "sch_fq_codel", "cls_u32", "cls_matchall", "act_mirred",
	"nf_tables", "nft_*", "nf_conntrack", "nf_nat", "nf_log_syslog",
	// crc32c as a module, which ext4 and others ask for by an alias.
	"crc32c_generic", "libcrc32c",
}

// isRoot says whether a module is kept for its own sake.
func isRoot(name string) bool {
	for _, pattern := range roots {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}
