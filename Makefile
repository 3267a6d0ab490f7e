# Hull: build, check, test, demonstrate. `make help` lists the targets.

SHELL := /bin/sh
export CGO_ENABLED := 0

BIN      := bin
GO       := go
GOTOOL   := $(GO) tool -modfile=tools/go.mod
PACKAGES := ./...

.DEFAULT_GOAL := build

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the build and the tests need (Debian, as root), or say what is missing
	@scripts/setup.sh

.PHONY: build
build: setup-go ## Build the programs into bin/
	@scripts/build.sh $(BIN)

.PHONY: setup-go
setup-go:
	@scripts/setup.sh go

.PHONY: demo
demo: build setup ## Boot a stock Debian kernel under KVM, here or in the lab
	@scripts/demo.sh

.PHONY: check
check: setup-go lint unit ## All that needs no KVM: formatting, vet, lint, import rules, unit tests with -race

.PHONY: lint
lint: ## Formatting, vet, staticcheck, import rules
	@scripts/lint.sh

# Each program with the race detector in it sleeps a second when it ends, unless
# told otherwise, and many tests start programs.
.PHONY: unit
unit: export GORACE = atexit_sleep_ms=50
unit: ## Unit tests with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 5m $(PACKAGES)

.PHONY: test
test: setup build check ## Everything: check, then the KVM tests on this host or in the lab, and fuzzing
	@scripts/guests-and-fuzz.sh

.PHONY: kvm-test
kvm-test: build setup ## Tests that boot guests, on this host's KVM or in the lab
	@scripts/kvm-test.sh

.PHONY: bench-boot
bench-boot: build setup ## Boot times and memory beside QEMU and gokvm (docs/benchmarks.md)
	@scripts/bench-boot.sh $(BENCHFLAGS)

.PHONY: bench-devices
bench-devices: build setup ## Disks, networks, vsock, idle load beside QEMU (docs/benchmarks.md)
	@scripts/bench-devices.sh $(BENCHFLAGS)

.PHONY: bench-instances
bench-instances: build setup ## Start time and memory of an instance, lists, many at once (docs/benchmarks.md)
	@scripts/bench-instances.sh $(BENCHFLAGS)

.PHONY: bench-migrate
bench-migrate: build setup ## Moves of running machines beside QEMU's (docs/benchmarks.md)
	@scripts/bench-migrate.sh $(BENCHFLAGS)

.PHONY: bench-snapshots
bench-snapshots: build setup ## Restores, snapshots and clones beside QEMU and containers (docs/benchmarks.md)
	@scripts/bench-snapshots.sh $(BENCHFLAGS)

.PHONY: soak
soak: build setup ## Boot the tests' machines again and again: ROUNDS=20 (docs/lab.md)
	@scripts/soak.sh $(ROUNDS)

.PHONY: migration-faults
migration-faults: setup build ## Meet every phase of a move with every fault, in a lab host; ARGS='-run TestCancel' chooses
	@scripts/migration-faults.sh $(ARGS)

.PHONY: fuzz
fuzz: setup-go ## Run every fuzz target for FUZZTIME=60s each; FUZZ=./devices/... chooses packages
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh $(FUZZ)

.PHONY: fuzz-devices
fuzz-devices: setup-go ## Run the fuzz target of each device for FUZZTIME=60s
	@FUZZTIME=$(FUZZTIME) scripts/fuzz-devices.sh

.PHONY: man
man: build ## Write the manual pages into bin/man1
	@$(BIN)/hull man $(BIN)/man1

.PHONY: fmt
fmt: ## Format the tree
	$(GOTOOL) gofumpt -l -w . $$(git ls-files '*/testdata/*.go')

.PHONY: clean
clean: ## Remove what the build made
	rm -rf $(BIN)
