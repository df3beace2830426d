# Everything here needs rustup, a C toolchain and git; rustup installs the wasm32-wasip2 target by itself (rust-toolchain.toml).

FILE ?= README.md
LOADLOCK := target/release/loadlock
CACHE := .cache

.PHONY: all build run test test-sdk test-authors test-clients fuzz lint deny help

all: build

## build: the release binary, components included, at target/release/loadlock
build:
	cargo build --locked --release --package loadlock

## run: uploads FILE (README.md) with the embedded default and shows the receipt; again shows the dedup hit
run: build
	$(LOADLOCK) --home $(CACHE)/run-home upload $(FILE)
	$(LOADLOCK) --home $(CACHE)/run-home files ls

## test: everything that needs no server of somebody else's
test:
	cargo test --locked --workspace --exclude guests

## test-sdk: the fakes of the vendors' APIs against the vendors' own SDKs (installs them from PyPI below .cache)
test-sdk:
	tests/upstream/sdk/run.sh

## test-authors: providers made from wit/ alone, in Rust outside of the workspace and in Python (installs componentize-py below .cache)
test-authors: build
	tests/authors/run.sh

## test-clients: other people's clients against the release binary (installs them from PyPI and npm below .cache)
test-clients: build
	tests/clients/run.sh

## fuzz: every fuzz target for SECONDS_EACH (60) seconds; needs a C++ compiler
fuzz:
	tests/fuzz/run.sh

## lint: formatting and clippy, warnings denied
lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --exclude guests --all-targets -- --deny warnings

## deny: bans, licences, sources and, where their database can be reached, advisories
deny: $(CACHE)/bin/cargo-deny
	$(CACHE)/bin/cargo-deny --all-features check bans licenses sources
	@$(CACHE)/bin/cargo-deny --all-features check advisories || \
	  { $(CACHE)/bin/cargo-deny --all-features fetch >/dev/null 2>&1 && exit 1; \
	    echo "advisories: NOT CHECKED, their database cannot be reached from here"; }

$(CACHE)/bin/cargo-deny:
	cargo install --locked --root $(CACHE) cargo-deny

## help: this list
help:
	@sed -n 's/^## //p' Makefile
