#!/usr/bin/env bash
# Packs LOADLOCK (target/release/loadlock) into a Debian package below OUTPUT (target/dist): what the tarball has, where
# Debian has it. REVISION (1) is the package's own. Needs GNU tar, gzip and dpkg-deb.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=deploy/debian
output=${OUTPUT:-target/dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

archive=$(OUTPUT="$work" deploy/dist.sh)
tar --extract --gzip --file "$archive" --directory "$work" --no-same-owner
from=${archive%.tar.gz}
version=$("$from/bin/loadlock" --version | cut -d ' ' -f 2)-${REVISION:-1}
architecture=$(dpkg --print-architecture)
# The newest symbol that it asks of glibc.
glibc=$(grep --text --only-matching 'GLIBC_2\.[0-9]*' "$from/bin/loadlock" | sort --unique --version-sort | tail -n 1)

root=$work/root
mkdir -p "$root"/{DEBIAN,etc/loadlock,usr/bin,usr/lib,usr/share/doc/loadlock}
install -m 755 "$from/bin/loadlock" "$root/usr/bin/loadlock"
cp -r "$from"/lib/. "$root/usr/lib/"
cp -r "$from"/share/. "$root/usr/share/"
gzip --no-name -9 "$root"/usr/share/man/man1/*.1
sed -i 's|/usr/local/bin/loadlock|/usr/bin/loadlock|' "$root/usr/lib/systemd/system/loadlock.service"
mkdir "$root/usr/share/zsh/vendor-completions"
mv "$root"/usr/share/zsh/site-functions/* "$root/usr/share/zsh/vendor-completions/"
rmdir "$root/usr/share/zsh/site-functions"
install -m 644 "$from/sbom.cdx.json" "$root/usr/share/doc/loadlock/"
gzip --no-name -9 --stdout "$from/CHANGELOG.md" >"$root/usr/share/doc/loadlock/changelog.gz"
cat LICENSE-MIT LICENSE-APACHE "$from/LICENSES-OF-DEPENDENCIES.txt" >"$root/usr/share/doc/loadlock/copyright"
install -m 644 $here/loadlock.toml "$root/etc/loadlock/loadlock.toml"
echo /etc/loadlock/loadlock.toml >"$root/DEBIAN/conffiles"
install -m 755 $here/{postinst,prerm,postrm} "$root/DEBIAN/"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@GLIBC@/${glibc#GLIBC_}/" \
    -e "s/@SIZE@/$(du --summarize --apparent-size --block-size=1024 "$root" | cut -f 1)/" $here/control >"$root/DEBIAN/control"
chmod -R u=rwX,go=rX "$root"

mkdir -p "$output"
# The times inside are the tarball's, so the same program and commit give the same bytes.
SOURCE_DATE_EPOCH=$(stat --format=%Y "$from/bin/loadlock")
export SOURCE_DATE_EPOCH
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
package=$output/loadlock_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zgzip --build "$root" "$package" >/dev/null
echo "$package"
