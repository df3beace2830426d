#!/bin/sh
# Proves the fakes with the vendors' own SDKs: builds the binary, installs the SDKs into .cache/, runs every check.
# The last line is `N passed, N failed`. Set LOADLOCK_UPSTREAM to use a binary that is built already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
venv="$root/.cache/sdk-venv"

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
# The stamp is the list itself: a changed list installs again.
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
if [ -z "${LOADLOCK_UPSTREAM:-}" ]; then
    "$root/tests/cargo.sh" build --quiet --bin loadlock-upstream
    LOADLOCK_UPSTREAM="$root/target/tests/release/loadlock-upstream"
fi
export LOADLOCK_UPSTREAM PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$here/prove.py" "$@"
