#!/bin/sh
# The MCP and WebSocket doors against clients of others: the Python SDK `mcp` (standard input and output, and streamable
# HTTP), the command line of the MCP inspector, and Python's `websockets`. Installs them into .cache/.
# LOADLOCK is the binary, by default target/release/loadlock. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
cache="$root/.cache/clients-mcp"
LOADLOCK=${LOADLOCK:-$root/target/release/loadlock}
case $LOADLOCK in /*) ;; *) LOADLOCK=$(pwd)/$LOADLOCK ;; esac

# The stamps are the lists themselves: a changed list installs again.
if ! cmp -s "$here/requirements.txt" "$cache/venv/requirements.txt"; then
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$cache/venv/requirements.txt"
fi
if ! cmp -s "$here/package.json" "$cache/node/stamp.json"; then
    mkdir -p "$cache/node"
    cp "$here/package.json" "$cache/node/package.json"
    npm install --prefix "$cache/node" --silent --no-audit --no-fund --no-package-lock
    cp "$here/package.json" "$cache/node/stamp.json"
fi
export LOADLOCK PYTHONDONTWRITEBYTECODE=1
export COMPILED="$cache/compiled"
export INSPECTOR="$cache/node/node_modules/.bin/mcp-inspector"
exec "$cache/venv/bin/python" "$here/prove.py"
