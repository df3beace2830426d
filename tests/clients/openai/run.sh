#!/bin/sh
# OpenAI's SDKs for Python and Node, and schemathesis over docs/reference/openapi.json, against a gateway with nothing
# configured. LOADLOCK is the binary, BIG the bytes of the large file (1 GiB), EXAMPLES what schemathesis tries of each
# operation.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
venv="$cache/openai-python" node="$cache/openai-node"
python_packages "$venv" "$here/requirements.txt"
node_packages "$node" "$here/package.json"
cp "$here/files.mjs" "$node/files.mjs"

work=$(mktemp -d)
server=""
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" || true; fi; rm -rf "$work"' EXIT
mkdir "$work/home" "$work/files"
export LOADLOCK_HOME="$work/home" BIG="${BIG:-1073741824}"
cd "$work/files"
field() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
token=$("$LOADLOCK" token issue --subject client --tenant acme --scope read,write,delete,admin --json | field token)
mkfifo "$work/out"
"$LOADLOCK" serve --json --listen 127.0.0.1:0 >"$work/out" 2>"$work/log" &
server=$!
read -r line <"$work/out"
url=$(printf '%s' "$line" | field url)
export OPENAI_BASE_URL="$url" OPENAI_API_KEY="$token"

status=0
python() { "$venv/bin/python" "$here/files.py" "$@" || status=1; }
node() { command node "$node/files.mjs" "$@" || status=1; }
# The most memory that the server ever had, in KiB.
memory() { awk '/^VmHWM:/ { print $2 }' "/proc/$server/status" 2>/dev/null || true; }

python files refusals uploads at_once
node files refusals uploads
small=$(memory)
python large
node large
large=$(memory)
if [ -z "$large" ]; then
    echo "memory: NOT MEASURED, there is no /proc here"
elif [ $((large - small)) -gt 32768 ]; then
    echo "memory: $small KiB after small files, $large KiB after files of $BIG bytes: it grows with the file"
    status=1
else
    echo "memory: $small KiB after small files, $large KiB after files of $BIG bytes: ok"
fi

SCHEMATHESIS_HOOKS=hooks PYTHONPATH="$here" "$venv/bin/schemathesis" run "$root/docs/reference/openapi.json" --url "$url" \
    --header "Authorization: Bearer $token" --seed 1 --max-examples "${EXAMPLES:-50}" --phases examples,coverage,fuzzing,stateful \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,allow_header_conformance,use_after_free,ignored_auth ||
    status=1
if ! kill -0 "$server"; then echo "the server is gone"; status=1; fi
# What is not part of an open upload has no business in the spool.
for entry in "$work"/home/spool/*/; do
    if [ -d "$entry" ] && [ ! -e "$entry/session.json" ]; then echo "left in the spool: $entry"; status=1; fi
done
# Requests that were accepted tell nothing.
[ "$status" = 0 ] || grep -v '\[AUTH\] accepted' "$work/log" | tail -50
exit "$status"
