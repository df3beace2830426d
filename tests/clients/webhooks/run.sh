#!/bin/sh
# What a gateway tells by webhooks, read by the `standardwebhooks` libraries of Python and Node. LOADLOCK is the binary.
# The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
python_packages "$cache/webhooks-python" "$here/requirements.txt"
node_packages "$cache/webhooks-node" "$here/package.json"
cp "$here/verify.mjs" "$cache/webhooks-node/verify.mjs"
export VERIFY="$cache/webhooks-node/verify.mjs"
exec "$cache/webhooks-python/bin/python" "$here/main.py"
