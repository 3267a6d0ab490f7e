#!/bin/sh
# Runs the tests that boot guests, and beside them the fuzz target of each device,
# which gets what the lab hosts leave of the processors.
set -eu

log=$(mktemp)
# A session of its own, so that the whole of it can be made less important: a nice
# value counts within a session alone where the kernel groups tasks by sessions
# (sched(7), autogroups), and fuzzing would starve the lab hosts.
setsid sh -c 'echo 19 2>/dev/null >/proc/self/autogroup || true; exec scripts/fuzz-devices.sh' >"$log" 2>&1 &
fuzz=$!
trap 'kill -- "-$fuzz" 2>/dev/null || true; rm -f "$log"' EXIT
guests=0
scripts/kvm-test.sh "$@" || guests=$?
fuzzed=0
wait "$fuzz" || fuzzed=$?
cat "$log" >&2
[ "$guests" = 0 ] && [ "$fuzzed" = 0 ]
