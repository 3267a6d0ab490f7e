#!/bin/sh
# Runs every fuzz target of the packages given (all without any) for FUZZTIME
# each, one after the other, and names those that fail.
set -eu

time=${FUZZTIME:-60s}
[ $# -gt 0 ] || set -- ./...
export CGO_ENABLED=0
failed=
for package in $(go list "$@"); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "fuzz: $package $target" >&2
		# Minimising each new input by time would take longer than the run.
		if ! go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x "$package"; then
			failed="$failed $package:$target"
		fi
	done
done
if [ -n "$failed" ]; then
	echo "fuzz: failed:$failed" >&2
	exit 1
fi
