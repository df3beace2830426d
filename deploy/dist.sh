#!/usr/bin/env bash
# Packs LOADLOCK (target/release/loadlock) into a tarball below OUTPUT (target/dist): the program, man pages,
# completions, licences, bill of materials, checksums. The same program and commit give the same bytes: names are
# sorted, owners are root, times are those of the commit, and nothing of this machine is inside. Needs GNU tar and gzip.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${LOADLOCK:-target/release/loadlock}
output=${OUTPUT:-target/dist}
[ -x "$program" ] || { echo "$program is missing; run \`make build\` first" >&2; exit 2; }

# `loadlock 0.1.0 (0123456789ab, x86_64-unknown-linux-gnu, wasmtime 48.0.8)`; without a commit in a source archive.
said=$("$program" --version)
version=$(cut -d ' ' -f 2 <<<"$said")
DIST_TARGET=$(grep -o '[a-z0-9_]*-[a-z0-9]*-[a-z0-9-]*' <<<"$said" | head -n 1)
export DIST_TARGET
# Of the commit; a packager of a source archive sets it (reproducible-builds.org).
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
DIST_TIME=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
export DIST_TIME

name=loadlock-$version-$DIST_TARGET
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/$name
mkdir -p "$root"/bin "$root"/lib/{systemd/system,sysusers.d,tmpfiles.d} "$root"/share/{man/man1,bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}
install -m 755 "$program" "$root/bin/loadlock"
install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$root"
install -m 644 deploy/systemd/loadlock.service "$root/lib/systemd/system/loadlock.service"
install -m 644 deploy/systemd/loadlock.sysusers "$root/lib/sysusers.d/loadlock.conf"
install -m 644 deploy/systemd/loadlock.tmpfiles "$root/lib/tmpfiles.d/loadlock.conf"
"$program" manual --quiet --man "$root/share/man/man1"
"$program" completions bash >"$root/share/bash-completion/completions/loadlock"
"$program" completions zsh >"$root/share/zsh/site-functions/_loadlock"
"$program" completions fish >"$root/share/fish/vendor_completions.d/loadlock.fish"

cargo build --locked --quiet --release --package loadlock-sbom
target/release/loadlock-sbom bom >"$root/sbom.cdx.json"
target/release/loadlock-sbom licences >"$root/LICENSES-OF-DEPENDENCIES.txt"

(cd "$root" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
find "$root" -type d -exec chmod 755 {} +
find "$root" -type f ! -path '*/bin/*' -exec chmod 644 {} +
mkdir -p "$output"
tar --create --directory "$work" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner \
    --mtime="@$SOURCE_DATE_EPOCH" "$name" | gzip --no-name -9 >"$output/$name.tar.gz"
(cd "$output" && sha256sum "$name.tar.gz" >SHA256SUMS)
echo "$output/$name.tar.gz"
