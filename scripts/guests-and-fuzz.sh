#!/bin/sh
# Runs the tests that boot guests, and beside them the fuzz target of each device:
# a lab host keeps one processor busy, and leaves the others.
set -eu

log=$(mktemp)
scripts/fuzz-devices.sh >"$log" 2>&1 &
fuzz=$!
trap 'kill "$fuzz" 2>/dev/null || true; rm -f "$log"' EXIT
guests=0
scripts/kvm-test.sh "$@" || guests=$?
fuzzed=0
wait "$fuzz" || fuzzed=$?
cat "$log" >&2
[ "$guests" = 0 ] && [ "$fuzzed" = 0 ]
