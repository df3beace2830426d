#!/usr/bin/env bash
# Runs every fuzz target for SECONDS_EACH (60), as many at once as there are cores. What it finds anew is kept in
# .cache/fuzz; a crash is shown with the command that repeats it. SEED (1) is where chance begins: the same for every
# change, so that a change is judged by what it breaks; another one explores. TURN=1/3 takes every third target, from
# the second one on.
set -euo pipefail
cd "$(dirname "$0")/../.."
export each=${SECONDS_EACH:-60} seed=${SEED:-1} binary
# As the tests are built: what is not instrumented is there already.
binary=$(RUSTC_WORKSPACE_WRAPPER="$PWD/tests/fuzz/instrument.sh" tests/cargo.sh test --test fuzz \
  --features loadlock-fuzz/libfuzzer --no-run --message-format=json-render-diagnostics |
  sed -n 's/.*"executable":"\([^"]*\/fuzz-[^"]*\)".*/\1/p')

fuzz() {
  local name=$1 found=.cache/fuzz/$1 log=.cache/fuzz/$1.log
  mkdir -p "$found" .cache/fuzz/crashes
  FUZZ_TARGET=$name "$binary" "$found" "tests/fuzz/corpus/$name" -seed="$seed" -max_total_time="$each" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix=".cache/fuzz/crashes/$name-" >"$log" 2>&1 || {
      cat "$log"
      echo "$name: repeat with FUZZ_TARGET=$name $binary .cache/fuzz/crashes/$name-…, then keep the input in tests/fuzz/corpus/$name"
      return 1; }
  echo "fuzz $name: $(sed -n 's/.*number_of_executed_units: *//p' "$log") inputs in $each s"
}
export -f fuzz
turn=${TURN:-0/1}
ls tests/fuzz/corpus | awk -v turn="${turn%/*}" -v of="${turn#*/}" '(NR - 1) % of == turn' | xargs --max-args=1 --max-procs="$(nproc)" bash -c 'fuzz "$0"'
