#!/usr/bin/env bash
# Two providers by strangers, made from wit/ alone: one in Rust outside of the workspace, one in Python. Each is
# inspected, takes a file, knows it again, gives it back and deletes it, through the release binary. Installs
# componentize-py from PyPI below .cache.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=$root/.cache/authors
loadlock=${LOADLOCK:-$root/target/release/loadlock}
[ -x "$loadlock" ] || { echo "$loadlock is missing; run \`make build\` first"; exit 1; }
mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # description, command…
    local what=$1; shift
    if "$@" >"$work/out" 2>"$work/err"; then
        echo "ok      $what"; passed=$((passed + 1))
    else
        echo "FAILED  $what"; cat "$work/out" "$work/err"; failed=$((failed + 1))
    fi
}

(cd "$root/tests/authors/rust" && cargo build --quiet --release --target wasm32-wasip2 --target-dir "$cache/target")
[ -x "$cache/venv/bin/componentize-py" ] || {
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet componentize-py==0.25.1
}
"$cache/venv/bin/componentize-py" -d "$root/wit" -w provider-component componentize -p "$root/tests/authors/python" app -o "$cache/python.wasm" >/dev/null

for language in rust python; do
    component=$cache/$language.wasm
    [ "$language" = rust ] && component=$cache/target/wasm32-wasip2/release/shelf.wasm
    mkdir -p "$work/$language/files"
    head -c 300000 /dev/urandom >"$work/$language/files/data.bin"
    cat >"$work/$language/loadlock.toml" <<TOML
grants = [{ root = "$work/$language/files" }]
[providers.shelf]
component = "$component"
sandbox.memory = "256 MiB"
TOML
    run() { "$loadlock" --config "$work/$language/loadlock.toml" --home "$work/$language/home" "$@"; }
    file=$work/$language/files/data.bin
    check "$language: is inspected before it runs" run providers inspect "$component"
    check "$language: takes a file" run --json upload "$file"
    id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' "$work/out" | head -n 1)
    again() { run --json upload "$file" | grep -q '"deduplicated":true'; }
    check "$language: the same bytes are a dedup hit" again
    back() { run files content "$id" | cmp - "$file"; }
    check "$language: gives the very bytes back" back
    check "$language: is well" run providers probe shelf
    check "$language: deletes" run files rm "$id"
done
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
