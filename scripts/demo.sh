#!/bin/sh
# Boots a stock Debian kernel with Hull: on this host's KVM where it can run a
# kernel, else in a lab host. On a terminal it leaves a shell in the guest;
# without one the guest says what it is and powers off.
set -eu

where=$(scripts/host-kvm.sh)
scripts/kernels.sh debian-cloud
config=configs/facts.toml
if [ -t 0 ] && [ -t 1 ]; then
	config=configs/demo.toml
fi
if [ "$where" = lab ]; then
	echo "demo: this host's KVM cannot run a kernel (bin/hull doctor says why): booting in a lab host" >&2
	scripts/kernels.sh debian
	exec bin/hull lab run -- bin/hull boot "$config"
fi
exec bin/hull boot "$config"
