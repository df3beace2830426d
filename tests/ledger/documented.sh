#!/bin/sh
# Runs docs/explanation/ledger.md: its commands, its configuration, its programs and its queries, as they are written
# there. run.sh starts the servers; PostgREST's protocol is spoken for the schema `loadlock`, which the page's own first
# command makes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
CACHE="$here/../../.cache/ledger"
. "$here/../clients/lib.sh"
page="$root/docs/explanation/ledger.md"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# The numbered block of a language, without its indentation.
block() { # language, number
    awk -v fence="\`\`\`$1" -v number="$2" '
        inside && $1 == "```" { inside = 0 }
        inside { print }
        $1 == fence { seen += 1; inside = (seen == number) }' "$page" | sed 's/^   //' >"$work/block"
    [ -s "$work/block" ] || { echo "docs/explanation/ledger.md has no block $2 of $1" >&2; exit 1; }
    cat "$work/block"
}
# A key as Supabase issues it.
key() { # claims
    python3 - "$1" <<'PY'
import base64, hashlib, hmac, os, sys
part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
text = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(sys.argv[1].encode())
signature = hmac.new(os.environ["LEDGER_SECRET"].encode(), text, hashlib.sha256)
print((text + b"." + part(signature.digest())).decode())
PY
}
expect() { # what, wanted, file
    [ "$(cat "$3")" = "$2" ] || { echo "$1 answered:" >&2; cat "$3" >&2; echo "and not:" >&2; echo "$2" >&2; exit 1; }
}

mkdir "$work/bin" "$work/files"
ln -s "$LOADLOCK" "$work/bin/loadlock"
ln -s "$LEDGER_PROGRAMS/psql" "$work/bin/psql" 2>/dev/null || true
PATH="$work/bin:$LEDGER_PROGRAMS:$PATH"
export PATH LOADLOCK_HOME="$work/home" LOADLOCK_DATABASE="postgresql://postgres@localhost/postgres?host=$LEDGER_SOCKET"

echo "== the schema"
cd "$work/files"
[ "${1-}" != schema ] || { block sh 1 >"$work/print.sh"; sh -eu "$work/print.sh" >/dev/null; exit; }
block sh 2 >"$work/apply.sh"
sh -eu "$work/apply.sh"

echo "== the configuration"
LEDGER_URL="http://127.0.0.1:$LEDGER_PORT"
SUPABASE_SERVICE_KEY=$(key '{"role":"service_role","exp":4000000000}')
export LEDGER_URL SUPABASE_SERVICE_KEY
{
    block toml 1 | sed -e "s|https://PROJECT.supabase.co/rest/v1|$LEDGER_URL|" -e 's|methods = \["POST"\]|&, private = true|'
    printf '[[grants]]\nroot = "%s"\n' "$work/files"
} >"$work/loadlock.toml"
printf 'a documented file' >"$work/files/documented.txt"
loadlock --config "$work/loadlock.toml" upload documented.txt >/dev/null
other='{"id": "f1", "key": {"tenant": "other", "account": "a", "purpose": "p", "treatment": "", "sha256": "s"}, "filename": "secret.txt",
    "bytes": 1, "media_type": "", "provider": "kimi", "remote_id": "r", "deduplicated": false, "attempts": 1, "created_at_ms": 1}'
psql "$LOADLOCK_DATABASE" --quiet --tuples-only --command "select loadlock.record_many('[$other]')" >/dev/null

echo "== Python and JavaScript"
python_packages "$cache/python" "$here/requirements.txt"
node_packages "$cache/node" "$here/package.json"
block python 1 >"$work/reader.py"
# Where Node looks for packages is where the program is.
block js 1 >"$cache/node/reader.mjs"
for reader in "$cache/python/bin/python $work/reader.py" "node $cache/node/reader.mjs"; do
    LEDGER_KEY=$(key '{"role":"authenticated","tenant":"local","exp":4000000000}') $reader >"$work/seen"
    expect "$reader" "documented.txt 17 local" "$work/seen"
    LEDGER_KEY=$(key '{"role":"authenticated","exp":4000000000}') $reader >"$work/seen"
    expect "$reader without a tenant" "" "$work/seen"
    ! LEDGER_KEY=$(key '{"role":"anon","tenant":"local","exp":4000000000}') $reader >"$work/seen" 2>&1 ||
        { echo "$reader reads as anon" >&2; exit 1; }
done

echo "== SQL"
query() { { echo "set role service_role;"; block sql "$1"; } | psql "$LOADLOCK_DATABASE" --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 >"$work/seen"; }
query 1; expect "the first query" "local|1|17|17
other|1|1|1" "$work/seen"
query 2; expect "the second query" "" "$work/seen"
query 3; expect "the third query" "local|1|0" "$work/seen"
# The command that uploaded has ended, and told what it wrote into its log.
query 4; expect "the fourth query" "|configuration|ok|1
local|admission|ok|1
local|authentication|ok|1
local|upload|ok|1" "$work/seen"
query 5; [ "$(wc -l <"$work/seen")" = 1 ] || { echo "the fifth query does not name the one gateway:" >&2; cat "$work/seen" >&2; exit 1; }

echo "== the doctor"
block sh 3 >"$work/doctor.sh"
LOADLOCK_CONFIG="$work/loadlock.toml" sh -eu "$work/doctor.sh" >"$work/seen" || { cat "$work/seen" >&2; exit 1; }
grep --quiet " tried, 0 with a problem" "$work/seen" || { cat "$work/seen" >&2; exit 1; }
