#!/bin/sh
# Pulls the Debian kernels that the arguments name, where they are not there
# yet. The names: debian-cloud and debian (this release's cloud and full
# flavour), debian-next-cloud and debian-next (another release's).
set -eu

have=$(bin/hull kernel ls -q)
release=
if [ -r /etc/os-release ]; then
	release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
fi
next=trixie
if [ "$release" = trixie ]; then
	next=bookworm
fi
for name in "$@"; do
	if printf '%s\n' "$have" | grep -qx "$name"; then
		continue
	fi
	echo "kernels: pulling $name" >&2
	case $name in
	debian-cloud) bin/hull kernel pull linux-image-cloud-amd64 --name "$name" ;;
	debian) bin/hull kernel pull linux-image-amd64 --name "$name" ;;
	debian-next-cloud) bin/hull kernel pull linux-image-cloud-amd64 --release "$next" --name "$name" ;;
	debian-next) bin/hull kernel pull linux-image-amd64 --release "$next" --name "$name" ;;
	*)
		echo "kernels: $name: no such name" >&2
		exit 2
		;;
	esac >/dev/null
done
