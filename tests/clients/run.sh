#!/bin/sh
# Runs every suite of real clients against one binary: LOADLOCK, or target/release/loadlock. Fails if one of them fails.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export LOADLOCK="${LOADLOCK:-$root/target/release/loadlock}"
export CACHE="$root/.cache/clients"
mkdir -p "$CACHE"
failed=""
for suite in "$here"/*/run.sh; do
    name=$(basename "$(dirname "$suite")")
    echo "== $name"
    "$suite" || failed="$failed $name"
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
