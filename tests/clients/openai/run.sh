#!/bin/sh
# OpenAI's SDKs for Python and Node, and schemathesis over docs/openapi.json, against a gateway with nothing configured.
# Installs them from PyPI and npm below .cache. LOADLOCK is the binary, BIG the bytes of the large file (1 GiB).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
LOADLOCK="${LOADLOCK:-$root/target/release/loadlock}"
CACHE="${CACHE:-$root/.cache/clients}"
BIG="${BIG:-1073741824}"
venv="$CACHE/openai-venv"
node="$CACHE/openai-node"
mkdir -p "$CACHE" "$node"

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
# The stamp is the list itself: a changed list installs again.
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
if ! cmp -s "$here/package.json" "$node/package.json"; then
    cp "$here/package.json" "$node/package.json"
    npm install --prefix "$node" --silent --no-audit --no-fund
fi

work=$(mktemp -d)
server=""
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" || true; fi; rm -rf "$work"' EXIT
mkdir "$work/home" "$work/files"
export LOADLOCK_HOME="$work/home"
cd "$work/files"
token=$("$LOADLOCK" token issue --subject client --tenant acme --scope read,write,delete --json |
    python3 -c 'import json,sys; print(json.load(sys.stdin)["token"])')
mkfifo "$work/out"
"$LOADLOCK" serve --json --listen 127.0.0.1:0 >"$work/out" 2>"$work/log" &
server=$!
read -r line <"$work/out"
url=$(printf '%s' "$line" | python3 -c 'import json,sys; print(json.load(sys.stdin)["url"])')

export OPENAI_BASE_URL="$url" OPENAI_API_KEY="$token" BIG PYTHONDONTWRITEBYTECODE=1
status=0
"$venv/bin/python" "$here/files.py" || status=1
cp "$here/files.mjs" "$node/files.mjs"
node "$node/files.mjs" || status=1
"$venv/bin/schemathesis" run "$root/docs/openapi.json" --url "$url" \
    --header "Authorization: Bearer $token" --seed 1 --max-examples "${EXAMPLES:-50}" --phases examples,coverage,fuzzing --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth || status=1
if ! kill -0 "$server"; then echo "the server is gone"; status=1; fi
# What is not part of an open upload has no business in the spool.
for entry in "$work"/home/spool/*/; do
    if [ -d "$entry" ] && [ ! -e "$entry/session.json" ]; then echo "left in the spool: $entry"; status=1; fi
done
[ "$status" = 0 ] || tail -50 "$work/log"
exit "$status"
