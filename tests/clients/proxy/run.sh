#!/bin/sh
# The gateway behind nginx, with the configuration of docs/how-to/serving.md. LOADLOCK is the binary.
# The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
command -v nginx >/dev/null || "$root/tests/apt.sh" nginx-light 2>/dev/null
command -v nginx >/dev/null || { echo "nginx is missing: install it (Debian: nginx-light)" >&2; exit 3; }
export SERVING="$root/docs/how-to/serving.md"
exec node "$here/main.mjs"
