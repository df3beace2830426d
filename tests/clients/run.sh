#!/bin/sh
# Runs every suite of real clients, or those that are named, against one binary: LOADLOCK, or target/release/loadlock.
# Fails if one of them fails.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
failed=""
[ $# -gt 0 ] || set -- mcp models openai proxy refusals tus webhooks ws
for suite in "$@"; do
    echo "== $suite"
    began=$(date +%s)
    "$here/$suite/run.sh" || failed="$failed $suite"
    echo "== $suite took $(($(date +%s) - began)) s"
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
