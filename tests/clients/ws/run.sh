#!/bin/sh
# The WebSocket door against Python's `websockets`. LOADLOCK is the binary. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
python_packages "$cache/ws-python" "$here/requirements.txt"
exec "$cache/ws-python/bin/python" "$here/prove.py"
