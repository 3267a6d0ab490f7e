#!/bin/sh
# Moves a machine between two lab hosts with kernels of their own. They are started where
# they do not run, and stay; what is given goes to the test, as -rounds 10.
set -eu

scripts/kernels.sh debian-cloud debian
export HULL_REQUIRE_KVM=1 HULL_PROGRAMS="$PWD/bin" CGO_ENABLED=0
bin/hull lab up --name move --hosts 2 --network move --memory 3000 --cpus 1
exec go test -count=1 -v -timeout 25m ./tests/hosts -hosts move-1,move-2 "$@"
