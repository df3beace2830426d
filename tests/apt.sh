#!/bin/sh
# Installs Debian packages where that may be done: `tests/apt.sh nginx-light`. One caller at a time, because suites run
# beside each other and apt does not wait for its lock. Whether a program is there afterwards is its caller's to say.
set -eu
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
exec 9>"${TMPDIR:-/tmp}/loadlock-tests-apt.lock"
flock 9
install() { apt-get install --yes --quiet --no-install-recommends "$@" >&2; }
# Package lists are fetched when what is known is not enough.
install "$@" || { apt-get update --quiet >&2 && install "$@"; } || true
