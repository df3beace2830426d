#!/bin/sh
# The page in a real browser, against one binary: LOADLOCK, or target/release/loadlock. Its types, and then each thing
# that a person does, by clicks and keys. CHROMIUM names another browser.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
CACHE=${CACHE:-$(cd "$here/../.." && pwd)/.cache/page}
. "$here/../clients/lib.sh"
node_packages "$cache/node" "$here/package.json"
node "$cache/node/node_modules/typescript/bin/tsc" --project "$here/tsconfig.json"
CHROMIUM=${CHROMIUM:-$(command -v chromium || true)}
if [ -z "$CHROMIUM" ]; then
    "$here/../apt.sh" chromium fonts-dejavu-core >"$cache/apt.log" 2>&1
    CHROMIUM=$(command -v chromium || true)
fi
[ -n "$CHROMIUM" ] || { echo "chromium is missing: install Debian's package, or set CHROMIUM" >&2; exit 2; }
export CHROMIUM CACHE MODULES="$cache/node/node_modules"
exec node "$here/main.mjs" "$@"
