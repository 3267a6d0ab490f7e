#!/bin/sh
# Boots one kernel under Hull, QEMU and gokvm in turns, and prints a table: on
# this host's KVM where it can run a kernel, else in a lab host. Arguments go to
# bootbench (-rounds N, -only TEXT, -v).
set -eu

where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud
export CGO_ENABLED=0
go build -trimpath -o bin/bootbench ./bench/bootbench
go build -trimpath -o bin/gokvm github.com/bobuhiro11/gokvm

dir=$(mktemp -d "$PWD/bin/bench.XXXXXX") # a folder that the lab shows too
trap 'rm -rf "$dir"' EXIT
# A dry run writes the initrd, makes the decompressed kernel, and names that.
initrd=$dir/initrd
plan=$(bin/hull boot configs/facts.toml --dry-run --write-initrd "$initrd" \
	--set 'init.exec=["sh", "-c", "echo BENCH-READY; sleep 10000"]')
vmlinux=$(printf '%s\n' "$plan" | sed -n 's/^# kernel:  *//p')
plan=$(bin/hull boot configs/facts.toml --dry-run --set boot.protocol=bzimage)
bzimage=$(printf '%s\n' "$plan" | sed -n 's/^# kernel:  *//p')

lab=
if [ "$where" = lab ]; then
	scripts/kernels.sh debian
	lab="bin/hull lab run --"
fi
# shellcheck disable=SC2086 # a command of several words
$lab bin/bootbench -bzimage "$bzimage" -vmlinux "$vmlinux" -initrd "$initrd" \
	-hull "$PWD/bin/hull" -gokvm "$PWD/bin/gokvm" "$@"
