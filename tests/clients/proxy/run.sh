#!/bin/sh
# The gateway behind nginx, with the configuration of docs/how-to/serving.md. LOADLOCK is the binary.
# The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
command -v nginx >/dev/null || { [ "$(id -u)" = 0 ] && apt-get install --yes --quiet nginx-light >/dev/null 2>&1; } || true
command -v nginx >/dev/null || { echo "nginx is missing: install it (Debian: nginx-light)" >&2; exit 3; }
export SERVING="$root/docs/how-to/serving.md"
exec node "$here/main.mjs"
