#!/bin/sh
# Measures restores, snapshots and clones beside QEMU's restores and the start of a
# container: on this host's KVM where it can run a kernel (as root), else in a lab
# host. Arguments go to snapshotbench (-rounds N, -only GROUP, -sizes LIST, -quick, -v).
set -eu

where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud
export CGO_ENABLED=0
go build -trimpath -o bin/snapshotbench ./bench/snapshotbench

# A dry run makes the initrd and the decompressed kernel, and names the latter.
mkdir -p bin/snapshotbench.d
plan=$(bin/hull boot configs/facts.toml --dry-run --write-initrd bin/snapshotbench.d/initrd \
	--set vsock.path=/tmp/none --set 'init.exec=["sh", "-c", "sleep 100000"]')
vmlinux=$(printf '%s\n' "$plan" | sed -n 's/^# kernel:  *//p')

# Container runtimes that are not installed are Debian's, unpacked.
tree=$PWD/bin/snapshotbench.d/runtimes
for name in crun runc; do
	command -v "$name" >/dev/null || missing="${missing:-}$name "
done
if [ -n "${missing:-}" ] && [ ! -d "$tree" ] && command -v apt-get >/dev/null; then
	mkdir -p "$tree.new/debs"
	# shellcheck disable=SC2086 # a list
	if (cd "$tree.new/debs" && apt-get -qq download $missing libyajl2 2>/dev/null); then
		for deb in "$tree.new"/debs/*.deb; do dpkg-deb -x "$deb" "$tree.new"; done
		mv "$tree.new" "$tree"
	else
		echo "bench-snapshots: no ${missing}here, and none to be had: install them for their rows" >&2
		rm -rf "$tree.new"
	fi
fi
PATH=$PATH:$tree/usr/bin:$tree/usr/sbin
export PATH LD_LIBRARY_PATH="$tree/usr/lib/x86_64-linux-gnu"

lab=
if [ "$where" = lab ]; then
	scripts/kernels.sh debian
	lab="bin/hull lab run --"
	echo "bench-snapshots: this machine's load average before: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
fi
status=0
# shellcheck disable=SC2086 # a command of several words
$lab bin/snapshotbench -vmlinux "$vmlinux" -initrd bin/snapshotbench.d/initrd -programs "$PWD/bin" "$@" || status=$?
[ -z "$lab" ] || echo "bench-snapshots: this machine's load average after: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
exit $status
