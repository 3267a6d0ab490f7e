#!/bin/sh
# Runs the tests that boot guests: on this host's KVM where it can run a
# kernel, else in a lab host, which starts by itself and is reused.
set -eu

where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud debian debian-next-cloud debian-next
exec_flag=
if [ "$where" = lab ]; then
	exec_flag="-exec=$PWD/bin/hull lab exec --up --"
fi
echo "kvm-test: KVM: $where" >&2
export HULL_REQUIRE_KVM=1 HULL_PROGRAMS="$PWD/bin" CGO_ENABLED=0
go build -trimpath -o bin/gokvm github.com/bobuhiro11/gokvm # the peer
if [ -n "$exec_flag" ]; then
	exec go test -count=1 -p 1 -timeout 20m "$exec_flag" "$@" ./kvm/... ./vmm/... ./monitor ./cmd/hull/... ./tests/...
fi
exec go test -count=1 -p 1 -timeout 20m "$@" ./kvm/... ./vmm/... ./monitor ./cmd/hull/... ./tests/...
