#!/bin/sh
# Runs all tests of moves between two hosts, which takes an hour in a lab host: on this
# host's KVM where it can run a kernel, else in a lab host. What is given goes to go test.
set -eu

scripts/kernels.sh debian-cloud
export HULL_REQUIRE_KVM=1 HULL_PROGRAMS="$PWD/bin" CGO_ENABLED=0
if [ "$(scripts/host-kvm.sh)" = lab ]; then
	set -- "-exec=$PWD/bin/hull lab exec --up --host moves --memory 4000 --" "$@"
fi
exec go test -count=1 -v -timeout 3h "$@" ./tests/migration
