#!/bin/sh
# Builds Hull's programs into the folder given: static, stripped, and free of
# the paths of the machine that built them.
set -eu

out=${1:-bin}
mkdir -p "$out"
export CGO_ENABLED=0
for program in hull hull-agent hull-shell hull-fsd hull-netd hull-vmm hull-supervisor; do
	go build -trimpath -ldflags '-s -w' -o "$out/$program" "./cmd/$program"
done
