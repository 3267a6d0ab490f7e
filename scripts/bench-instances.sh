#!/bin/sh
# Measures what an instance costs: the start and the memory of its monitor beside
# QEMU's in turns, the list of many, and many started at once. On this host's KVM
# where it can run a kernel (as root, for other processes' memory), else in a lab
# host. Arguments go to instancebench (-rounds N, -only GROUP, -vms N, -quick, -v).
set -eu

where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud
export CGO_ENABLED=0
go build -trimpath -o bin/instancebench ./bench/instancebench

# A dry run makes the initrd and the decompressed kernel, and names them.
plan=$(bin/hull boot configs/facts.toml --dry-run \
	--set 'init.exec=["sh", "-c", "echo BENCH-READY; sleep 100000"]')
vmlinux=$(printf '%s\n' "$plan" | sed -n 's/^# kernel:  *//p')
initrd=$(printf '%s\n' "$plan" | sed -n 's/^# initrd:  *//p')

lab=
if [ "$where" = lab ]; then
	scripts/kernels.sh debian
	lab="bin/hull lab run --"
	echo "bench-instances: this machine's load average before: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
fi
status=0
# shellcheck disable=SC2086 # a command of several words
$lab bin/instancebench -vmlinux "$vmlinux" -initrd "$initrd" -programs "$PWD/bin" "$@" || status=$?
[ -z "$lab" ] || echo "bench-instances: this machine's load average after: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
exit $status
