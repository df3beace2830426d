#!/usr/bin/env bash
# A component goes from its maker's machine to another one: keygen, push and sign, add in another home, upload through it.
# share.sh COMPONENT.wasm HOST:PORT NAME [line for the provider's section]…  The registry speaks plain HTTP on loopback.
set -euo pipefail
component=$(realpath "$1") registry=$2 name=$3
shift 3
loadlock=${LOADLOCK:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
maker=$work/maker other=$work/other
mkdir -p "$maker" "$other/files"
reference=$registry/acme/$name

(cd "$maker" && "$loadlock" component keygen acme)
"$loadlock" component push "$component" "$reference:1.0.0" --key "$maker/acme.key" --plain-http

cp "$maker/acme.pub" "$other/"
{
    printf '[[components.trust]]\nmatch = "%s/acme/*"\nkeys = ["acme.pub"]\n' "$registry"
    printf '[[grants]]\nroot = "files"\n[providers.%s]\ncomponent = "locked:%s"\n' "$name" "$name"
    printf '%s\n' "$@"
} >"$other/loadlock.toml"
run() { "$loadlock" --config "$other/loadlock.toml" --home "$other/home" "$@"; }
run component add "$reference" --plain-http
run component ls
head -c 100000 /dev/urandom >"$other/files/data.bin"
id=$(run --json upload "$other/files/data.bin" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p' | head -n 1)
run files content "$id" | cmp - "$other/files/data.bin"
run files rm "$id"
# A third machine has the configuration and the lock, and gets the same bytes.
rm -rf "$other/home"
! run upload "$other/files/data.bin" 2>"$work/missing" || { echo "a component that is missing was found"; exit 1; }
grep -q "component pull" "$work/missing"
run component pull --plain-http
run upload "$other/files/data.bin"
