#!/bin/sh
# Measures moves of running machines beside QEMU's: on this host's KVM where it can run a
# kernel (as root), else in a lab host. Arguments go to migratebench (-rounds N, -quick,
# -size MIB, -delays LIST, -dirty LIST, -under NAME, -v).
set -eu

where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud
export CGO_ENABLED=0
go build -trimpath -o bin/migratebench ./bench/migratebench

lab=
if [ "$where" = lab ]; then
	scripts/kernels.sh debian
	lab="bin/hull lab run --"
	echo "bench-migrate: this machine's load average before: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
fi
status=0
# shellcheck disable=SC2086 # a command of several words
$lab bin/migratebench -programs "$PWD/bin" "$@" || status=$?
[ -z "$lab" ] || echo "bench-migrate: this machine's load average after: $(cut -d' ' -f1-3 /proc/loadavg)" >&2
exit $status
