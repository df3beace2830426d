#!/bin/sh
# The MCP door against clients of others: the Python SDK `mcp` and the command line of the MCP inspector, each over
# standard input and output and over streamable HTTP. LOADLOCK is the binary. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
python_packages "$cache/mcp-python" "$here/requirements.txt"
node_packages "$cache/mcp-node" "$here/package.json"
export INSPECTOR="$cache/mcp-node/node_modules/.bin/mcp-inspector"
exec "$cache/mcp-python/bin/python" "$here/prove.py"
