#!/bin/sh
# Boots the machines of the tests ROUNDS times and counts: how many booted, how
# many hung. A hang is a failed test, with registers and counters in its output.
set -eu

rounds=${1:-20}
where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud debian debian-next-cloud debian-next
export HULL_REQUIRE_KVM=1 HULL_PROGRAMS="$PWD/bin" CGO_ENABLED=0
log=bin/soak.log
: >"$log"
set -- go test -count=1 -v -timeout 60m -run 'TestStockKernels|TestShapes|TestEveryShippedConfigBoots|TestEnds' ./cmd/hull
if [ "$where" = lab ]; then
	set -- go test -count=1 -v -timeout 60m "-exec=$PWD/bin/hull lab exec --up --" -run 'TestStockKernels|TestShapes|TestEveryShippedConfigBoots|TestEnds' ./cmd/hull
fi
i=0
while [ "$i" -lt "$rounds" ]; do
	i=$((i + 1))
	"$@" >>"$log" 2>&1 || true
	passed=$(grep -c '^ *--- PASS: .*/' "$log") || true
	failed=$(grep -c '^ *--- FAIL: .*/' "$log") || true
	hung=$(grep -c 'has not said\|has not ended' "$log") || true
	echo "soak: round $i of $rounds: $passed boots passed, $failed failed, of them $hung hung (all output: $log)"
done
[ "$failed" = 0 ]
