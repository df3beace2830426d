#!/usr/bin/env bash
# Runs every fuzz target for SECONDS_EACH (60). What it finds anew is kept in .cache/fuzz; a crash is shown with the command that repeats it.
set -euo pipefail
cd "$(dirname "$0")/../.."
each=${SECONDS_EACH:-60}
# The same packages as the tests have, so that what is not instrumented is built once for both.
RUSTC_WORKSPACE_WRAPPER="$PWD/tests/fuzz/instrument.sh" cargo build --locked --workspace --exclude guests \
  --bin fuzz --features loadlock-fuzz/libfuzzer
binary=${CARGO_TARGET_DIR:-target}/debug/fuzz
for folder in tests/fuzz/corpus/*/; do
  name=$(basename "$folder")
  found=.cache/fuzz/$name
  mkdir -p "$found" .cache/fuzz/crashes
  echo "fuzz $name for ${each} s"
  FUZZ_TARGET=$name "$binary" "$found" "$folder" -max_total_time="$each" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
    -verbosity=0 -artifact_prefix=".cache/fuzz/crashes/$name-" || {
      echo "$name: repeat with FUZZ_TARGET=$name $binary .cache/fuzz/crashes/$name-…, then keep the input in tests/fuzz/corpus/$name"; exit 1; }
done
