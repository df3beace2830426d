#!/usr/bin/env bash
# Makes what the image is made of, in FOLDER: `Containerfile`, and `root` with the program LOADLOCK
# (target/release/loadlock), the libraries that it links, certificates and a user. Then, without network:
#     podman build FOLDER        or        buildah build FOLDER
set -euo pipefail
folder=${1:?say where: deploy/container/root.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
program=${LOADLOCK:-$here/../../target/release/loadlock}
certificates=${CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}
[ -x "$program" ] || { echo "$program is missing; run \`make build\` first" >&2; exit 2; }
[ -r "$certificates" ] || { echo "$certificates is missing; say in CERTIFICATES where the authorities are" >&2; exit 2; }

root=$folder/root
mkdir -p "$root"/{usr/bin,etc/ssl/certs,etc/loadlock,var/lib/loadlock,proc,tmp}
install -m 755 "$program" "$root/usr/bin/loadlock"
# `libc.so.6 => /lib/…/libc.so.6 (0x…)`, and the loader by its path alone. The names are what the loader looks for.
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    install -m 755 "$(readlink -f "$library")" "$root$library"
done
install -m 644 "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
echo 'loadlock:x:65532:65532:Loadlock:/var/lib/loadlock:/nonexistent' >"$root/etc/passwd"
echo 'loadlock:x:65532:' >"$root/etc/group"
# Mounted over by whoever has one.
printf '# Every provider is the default: the local disk, in the volume.\ngrants = []\n' >"$root/etc/loadlock/loadlock.toml"
install -m 644 "$here/Containerfile" "$folder/Containerfile"
chmod 1777 "$root/tmp"
[ "$(id -u)" != 0 ] || chown 65532:65532 "$root/var/lib/loadlock"
chmod 700 "$root/var/lib/loadlock"
