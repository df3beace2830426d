#!/bin/sh
# Starts PostgreSQL and a PostgREST-compatible server, migrates, and runs the suites that need them and the page
# docs/explanation/ledger.md; with arguments, which go to cargo, the suites alone. LOADLOCK: the binary that migrates,
# or target/release/loadlock. Everything lives below .cache and a temporary directory, and ends with this script.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
loadlock=$(realpath "${LOADLOCK:-$root/target/release/loadlock}")
cache="$root/.cache/ledger"
mkdir -p "$cache"

programs() {
    bin=$(pg_config --bindir 2>/dev/null || true)
    [ -x "$bin/initdb" ] || bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -x "$bin/initdb" ]
}
if ! programs; then
    "$root/tests/apt.sh" postgresql
    programs || true
fi
[ -x "$bin/initdb" ] || { echo "PostgreSQL's programs are not here: install it (Debian: apt-get install postgresql)" >&2; exit 1; }

postrust="$cache/bin/postrust"
[ -x "$postrust" ] || make --directory "$root" --no-print-directory .cache/ledger/bin/postrust

work=$(mktemp -d)
# PostgreSQL refuses to run as root.
as=""
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=postgres --regid=postgres --clear-groups"
    chown postgres "$work"
fi
served=""
stop() {
    [ -z "$served" ] || kill "$served" 2>/dev/null || true
    $as "$bin/pg_ctl" --pgdata "$work/data" --mode immediate --silent stop 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT INT TERM

$as "$bin/initdb" --auth trust --username postgres --encoding UTF8 --locale C --pgdata "$work/data" >/dev/null
$as "$bin/pg_ctl" --pgdata "$work/data" --wait --silent --log "$work/log" \
    --options "-c listen_addresses= -c unix_socket_directories=$work -c max_connections=200 -c fsync=off -c shared_buffers=256MB -c max_wal_size=4GB" start
psql() { "$bin/psql" --host "$work" --username postgres --quiet --set ON_ERROR_STOP=1 "$@"; }
psql --command "create role service_role nologin" --command "create role authenticated nologin" \
     --command "create role anon nologin" --command "create role authenticator login noinherit" \
     --command "grant service_role, authenticated, anon to authenticator"

# A schema for each test, so that they can run at the same time.
schemas=""
for number in $(seq 1 90); do
    schema="test_$number"
    schemas="$schemas${schemas:+,}$schema"
    "$loadlock" tracker migrate --print --schema "$schema"
done >"$work/schemas.sql"
psql --output /dev/null --file "$work/schemas.sql"

LEDGER_SECRET=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
LEDGER_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# What the tests find the servers by; the programs are for tests that need servers of their own.
export LEDGER_SECRET LEDGER_PORT LEDGER_SOCKET="$work" LEDGER_SCHEMAS="$schemas" \
    LEDGER_PROGRAMS="$bin" LEDGER_POSTRUST="$postrust" LEDGER_AS="$as" LEDGER_LOADLOCK="$loadlock" LOADLOCK="$loadlock"
here="$root/tests/ledger"
"$here/documented.sh" schema
DATABASE_URL="postgresql://authenticator@localhost/postgres?host=$work" PGRST_SERVER_PORT="$LEDGER_PORT" PGRST_SERVER_HOST=127.0.0.1 \
PGRST_DB_SCHEMAS="$schemas,loadlock" PGRST_DB_ANON_ROLE=anon PGRST_JWT_SECRET="$LEDGER_SECRET" \
PGRST_COMPAT_MODE=true PGRST_DB_ERRORS_VERBATIM=true "$postrust" >"$work/postrust.log" 2>&1 &
served=$!

cd "$root"
test="tests/cargo.sh test --test ledger"
$test --no-run
until grep -q "Listening on" "$work/postrust.log"; do
    kill -0 "$served" 2>/dev/null || { cat "$work/postrust.log" >&2; exit 1; }
    sleep 0.1
done
told() { tail -n 40 "$work/postrust.log" >&2; exit 1; }
$test "$@" || told
[ $# -gt 0 ] || "$here/documented.sh" || told
