#!/bin/sh
# Refusals as Node's clients read them: fetch, OpenAI's SDK and tus-js-client, while their bodies are on the way.
# LOADLOCK is the binary. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
node_packages "$cache/openai-node" "$here/../openai/package.json"
node_packages "$cache/tus-node" "$here/../tus/package.json"
export OPENAI_PACKAGES="$cache/openai-node/package.json" TUS_PACKAGES="$cache/tus-node/package.json"
exec node "$here/main.mjs"
