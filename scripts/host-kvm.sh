#!/bin/sh
# Says where a KVM that runs kernels is: prints "here", or "lab" where this
# host's own cannot (missing, forbidden, or emulating instruction by
# instruction). HULL_KVM=here|lab overrides.
set -eu

case "${HULL_KVM:-}" in
here | lab)
	echo "$HULL_KVM"
	exit 0
	;;
esac
if bin/hull doctor --quiet >/dev/null 2>&1; then
	echo here
else
	echo lab
fi
