#!/bin/sh
# OpenAI's SDKs for Python and Node ask models through the gateway about files that they uploaded there. LOADLOCK is the
# binary, UPSTREAM the fake of the vendors.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
upstream=${UPSTREAM:-$root/target/tests/release/loadlock-upstream}
[ -x "$upstream" ] || { echo "$upstream is missing: run \`make test-clients\`, or set UPSTREAM" >&2; exit 2; }
venv="$cache/openai-python" node="$cache/openai-node"
python_packages "$venv" "$here/../openai/requirements.txt"
node_packages "$node" "$here/../openai/package.json"
cp "$here/models.mjs" "$node/models.mjs"

work=$(mktemp -d)
pids=""
trap 'for pid in $pids; do kill "$pid" 2>/dev/null || true; wait "$pid" || true; done; rm -rf "$work"' EXIT
mkdir "$work/home" "$work/files"
export LOADLOCK_HOME="$work/home" LOADLOCK_CONFIG="$work/loadlock.toml"
cd "$work/files"
field() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
first_line() { # a name, and a command whose first line it answers; the command goes on
    name=$1
    shift
    mkfifo "$work/$name"
    "$@" >"$work/$name" 2>"$work/$name.log" </dev/null &
    pids="$pids $!"
    read -r line <"$work/$name"
}
# Its key is hunted in every answer.
export VENDOR_KEY="sk-vendor-0123456789abcdef"
first_line openai "$upstream" --vendor openai --key "$VENDOR_KEY"
openai=$(printf '%s' "$line" | field base_url)
first_line kimi "$upstream" --vendor kimi --key "$VENDOR_KEY"
kimi=$(printf '%s' "$line" | field base_url)
cat >"$LOADLOCK_CONFIG" <<TOML
order = ["openai"]
[providers.local]
[providers.openai]
settings = { base_url = "$openai" }
credential = { header = "Authorization", value = "Bearer \${env:VENDOR_KEY}" }
forward = ["POST /v1/responses", "POST /v1/chat/completions", "POST /v1/batches", "GET /v1/batches/{id}"]
[providers.kimi]
settings = { base_url = "$kimi" }
credential = { header = "Authorization", value = "Bearer \${env:VENDOR_KEY}" }
forward = ["POST /v1/chat/completions"]
TOML
token() { "$LOADLOCK" token issue --subject client --tenant "$1" --scope read,write,delete --json | field token; }
OPENAI_API_KEY=$(token acme)
OTHER_TENANT=$(token umbrella)
export OPENAI_API_KEY OTHER_TENANT
first_line served "$LOADLOCK" serve --json --listen 127.0.0.1:0
OPENAI_BASE_URL=$(printf '%s' "$line" | field url)
export OPENAI_BASE_URL

status=0
"$venv/bin/python" "$here/models.py" || status=1
node "$node/models.mjs" || status=1
[ "$status" = 0 ] || grep -v '\[AUTH\] accepted' "$work/served.log" | tail -50
exit "$status"
