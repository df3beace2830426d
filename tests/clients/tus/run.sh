#!/bin/sh
# tus clients of others against the real server: tus-js-client, tuspy, and the same requests to @tus/server. Installs below .cache/.
# LOADLOCK names the binary (target/release/loadlock). The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
cache="$root/.cache/clients-tus"
export LOADLOCK="${LOADLOCK:-$root/target/release/loadlock}"
mkdir -p "$cache"
# The stamps are the lists themselves: a changed list installs again.
if ! cmp -s "$here/package.json" "$cache/package.json.stamp"; then
    cp "$here/package.json" "$cache/package.json"
    (cd "$cache" && npm install --silent --no-audit --no-fund)
    cp "$here/package.json" "$cache/package.json.stamp"
fi
[ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
if ! cmp -s "$here/requirements.txt" "$cache/requirements.txt"; then
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$cache/requirements.txt"
fi
export CACHE="$cache" PYTHON="$cache/venv/bin/python" PYTHONDONTWRITEBYTECODE=1
exec node "$here/main.mjs"
