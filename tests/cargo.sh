#!/bin/sh
# cargo as `make` builds tests: `tests/cargo.sh test --test serve`. What Loadlock is built upon is the release build's
# own, compiled once for the program and its tests; Loadlock's own crates have their assertions and are not optimised,
# so that they are compiled quickly. Always the whole workspace: a part of it could have other features. The programs
# are in target/tests/release, so that target/release/loadlock stays what `make build` made.
set -eu
cd "$(dirname "$0")/.."
mkdir -p target/tests
profile=target/tests/profile.toml
names=$(cargo tree --locked --workspace --depth 0 --prefix none | cut -d ' ' -f 1 | sort -u)
for name in $names; do
    printf '[profile.release.package.%s]\nopt-level = 0\ndebug-assertions = true\n' "$name"
done >"$profile.$$"
mv "$profile.$$" "$profile"
command=$1
shift
exec cargo "$command" --locked --release --config "$profile" --config "build.build-dir = 'target'" \
    --target-dir target/tests --workspace --exclude guests "$@"
