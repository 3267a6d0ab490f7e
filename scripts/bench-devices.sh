#!/bin/sh
# Measures virtual machines' devices under Hull and QEMU in turns, and prints a
# table: on this host's KVM where it can run a kernel (as root, for taps), else
# in a lab host. Arguments go to devbench (-rounds N, -only TEXT, -quick, -v).
set -eu

where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud
export CGO_ENABLED=0
go build -trimpath -o bin/devbench ./bench/devbench
go build -trimpath -ldflags '-s -w' -o bin/guestbench ./bench/guestbench
dir=$PWD/bin/devbench.d
bin/devbench -prepare "$dir" -guest bin/guestbench -hull bin/hull

lab=
if [ "$where" = lab ]; then
	scripts/kernels.sh debian
	lab="bin/hull lab run --"
	echo "bench-devices: this machine's load average before: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
fi
status=0
# shellcheck disable=SC2086 # a command of several words
$lab bin/devbench -dir "$dir" -hull "$PWD/bin/hull" "$@" || status=$?
[ -z "$lab" ] || echo "bench-devices: this machine's load average after: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
exit $status
