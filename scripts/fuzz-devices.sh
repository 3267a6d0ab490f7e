#!/bin/sh
# Runs the fuzz target of each device (the first in its fuzz_test.go) for FUZZTIME,
# FUZZJOBS of them at a time, and prints what those that failed had to say.
set -eu

time=${FUZZTIME:-60s}
jobs=${FUZZJOBS:-2}
export CGO_ENABLED=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

list=$logs/list
for dir in devices/*/ devices/virtio/*/; do
	case $dir in
	devices/virtio/ | */devicestest/ | */virtqtest/ | */unixsock/) continue ;; # none of them a device
	esac
	[ -f "${dir}fuzz_test.go" ] || { echo "fuzz-devices: $dir has no fuzz_test.go" >&2; exit 1; }
	target=$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "${dir}fuzz_test.go" | head -n 1)
	[ -n "$target" ] || { echo "fuzz-devices: ${dir}fuzz_test.go has no target" >&2; exit 1; }
	echo "$dir $target"
done >"$list"

# One worker each: what there is of processors is shared by jobs.
if ! xargs -P "$jobs" -L 1 sh -c '
	log=$0/$(echo "$1" | tr / _).log
	if nice go test -run "^$" -fuzz "^$2\$" -fuzztime "$3" -parallel 1 -fuzzminimizetime 20x "./$1" >"$log" 2>&1; then
		exit 0
	fi
	# The go command can take the end of the time for a failure; it has found
	# nothing then.
	if grep -q "context deadline exceeded" "$log" && ! grep -q "Failing input\|panic:\|hung or terminated" "$log"; then
		exit 0
	fi
	echo "fuzz-devices: $1 $2 failed:" >&2
	cat "$log" >&2
	exit 1
' "$logs" <<EOT
$(sed "s/\$/ $time/" "$list")
EOT
then
	exit 1
fi
echo "fuzz-devices: $(wc -l <"$list") devices, $time each" >&2
