#!/bin/sh
# Formatting, vet, staticcheck and the import rules; every failure is shown
# before it ends.
set -u

status=0
tool() { go tool -modfile=tools/go.mod "$@"; }

# Programs below testdata are passed over unless they are named.
# shellcheck disable=SC2046 # names without blanks
unformatted=$(tool gofumpt -l . $(git ls-files '*/testdata/*.go')) || status=1
if [ -n "$unformatted" ]; then
	echo "lint: not formatted (make fmt):" >&2
	echo "$unformatted" >&2
	status=1
fi
go vet ./... || status=1
tool staticcheck ./... || status=1
tool depguard ./... || status=1
go mod tidy -diff || status=1
(cd tools && go mod tidy -diff) || status=1
exit $status
