#!/bin/sh
# Runs the tests that boot guests: on this host's KVM where it can run a
# kernel, else in two lab hosts at a time, which start by themselves and are
# reused: one keeps no more than one processor busy.
set -eu

where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud debian debian-next-cloud debian-next
echo "kvm-test: KVM: $where" >&2
export HULL_REQUIRE_KVM=1 HULL_PROGRAMS="$PWD/bin" CGO_ENABLED=0
go build -trimpath -o bin/gokvm github.com/bobuhiro11/gokvm # the peer
machines="./kvm/... ./vmm/... ./monitor ./cmd/hull/... ./tests/snapshots"
moves='TestAGuestThatStays|TestMoveAndBack|TestTwoMovesAtOnce' # the rest is make migration-faults
instances="./tests/commands ./tests/docs ./tests/instances ./tests/machine"
if [ "$where" != lab ]; then
	# shellcheck disable=SC2086 # they are lists
	go test -count=1 -p 1 -timeout 20m "$@" $machines $instances
	go test -count=1 -timeout 20m -run "$moves" ./tests/migration
	exec go test -count=1 -timeout 20m -run TestKillingAtRandom ./tests/instances -real "$PWD/bin" -rounds 20
fi

in_lab() { # NAME PACKAGE... : the tests of packages in a lab host of that name
	name=$1
	shift
	# shellcheck disable=SC2086 # they are lists
	go test -count=1 -p 1 -timeout 25m "-exec=$PWD/bin/hull lab exec --up --host $name --" $flags "$@"
}
flags=$*
log=$(mktemp)
# shellcheck disable=SC2086
{ in_lab second $instances && in_lab second -run TestKillingAtRandom ./tests/instances -real "$PWD/bin" -rounds 20; } >"$log" 2>&1 &
second=$!
trap 'kill "$second" 2>/dev/null || true; rm -f "$log"' EXIT
status=0
# shellcheck disable=SC2086
in_lab first $machines || status=$?
in_lab first -run "$moves" ./tests/migration || status=$?
wait "$second" || status=$?
cat "$log"
exit "$status"
