#!/bin/sh
# tus clients of others against the real server: tus-js-client, tuspy, and the same requests to @tus/server.
# LOADLOCK is the binary. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
python_packages "$cache/tus-python" "$here/requirements.txt"
node_packages "$cache/tus-node" "$here/package.json"
export NODE_PACKAGES="$cache/tus-node/package.json" PYTHON="$cache/tus-python/bin/python"
exec node "$here/main.mjs"
