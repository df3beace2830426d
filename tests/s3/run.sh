#!/bin/sh
# `builtin:s3` of the binary LOADLOCK (target/release/loadlock) against other people's S3 servers, which it starts on
# loopback, read back with Amazon's own SDK. Everything is installed below .cache. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../clients/lib.sh"
python_packages "$cache/s3" "$here/requirements.txt"
# What turns a clock, for one check.
faketime() { find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1; }
[ -n "$(faketime)" ] || "$root/tests/apt.sh" libfaketime
FAKETIME_LIBRARY=$(faketime)
export FAKETIME_LIBRARY
PATH="$cache/s3/bin:$PATH" exec "$cache/s3/bin/python" "$here/prove.py" "$@"
