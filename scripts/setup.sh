#!/bin/sh
# Installs what Hull's build and tests need, on Debian as root; elsewhere it
# says exactly what is missing and how it is called there.
#   setup.sh go    only what building and `make check` need
#   setup.sh       that, and what the lab and the tests need
set -eu

want=${1:-all}
packages=

need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

need go golang-go
need gcc gcc
need git git
[ -e /usr/include/linux/kvm.h ] || packages="$packages linux-libc-dev"
[ -e /usr/include/stdio.h ] || packages="$packages libc6-dev"
if [ "$want" = all ]; then
	need qemu-system-x86_64 qemu-system-x86
	need iasl acpica-tools
	need qemu-img qemu-utils
	need mkfs.ext4 e2fsprogs
	need fio fio
	need iperf3 iperf3
fi

if [ -n "$packages" ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		echo "setup: installing$packages" >&2
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq
		# shellcheck disable=SC2086 # a list of words
		apt-get install -y -qq --no-install-recommends $packages >/dev/null
	else
		echo "setup: missing:$packages" >&2
		echo "setup: on Debian or Ubuntu: sudo apt-get install$packages" >&2
		echo "setup: elsewhere: install the packages that hold these programs (Debian's names above)" >&2
		exit 1
	fi
fi

# Debian's Go may be older than go.mod asks for: Go then fetches the release it
# needs by itself, unless told not to.
required=$(sed -n 's/^go //p' go.mod)
if ! GOTOOLCHAIN=${GOTOOLCHAIN:-auto} go version >/dev/null 2>&1; then
	echo "setup: go $required is needed, and the go command here cannot fetch it" >&2
	exit 1
fi
