#!/usr/bin/env bash
# Components against a registry and tools of others: Debian's docker-registry, skopeo, and npm's @sigstore/verify. Installs
# the first two where that may be done, and the last below .cache. LOADLOCK is the binary.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../clients/lib.sh"
. "$here/server.sh"
debian_programs docker-registry skopeo
node_packages "$cache/registry-node" "$here/package.json"
export NODE_PACKAGES="$cache/registry-node/package.json"

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
# One that wants a password, as everybody's does.
perl -e 'print "robot:", crypt("of-the-robot", "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' >"$work/htpasswd"
start_registry "$work" "auth: { htpasswd: { realm: test, path: $work/htpasswd } }"
export REGISTRY_AUTH_FILE=$work/auth.json
passed=0
ok() { echo "ok      $1"; passed=$((passed + 1)); }
loadlock() { "$LOADLOCK" --home "$work/home" "$@"; }
component=$(find "$root/target/components" -name provider_local.wasm | head -n 1)
reference=$registry/acme/shelf:1.2.0
cd "$work"

loadlock -q component keygen acme >/dev/null
loadlock -q component keygen other >/dev/null
! loadlock component push "$component" "$reference" --plain-http 2>"$work/refused"
grep -q "skopeo login" "$work/refused" || { cat "$work/refused"; exit 1; }
ok "without credentials the error says how they are got"
printf of-the-robot | skopeo login --tls-verify=false --username robot --password-stdin "$registry" >/dev/null
loadlock --json component push "$component" "$reference" --key acme.key --plain-http >"$work/pushed"
manifest=$(sed -n 's/.*"manifest":"\([^"]*\)".*/\1/p' "$work/pushed")
ok "pushed with the credentials of skopeo login"

skopeo copy --quiet --src-tls-verify=false "docker://$reference" "oci:$work/layout:shelf"
cmp "$component" "$work/layout/blobs/sha256/$(sha256sum "$component" | cut -d ' ' -f 1)"
skopeo inspect --raw --tls-verify=false "docker://$reference" | grep -q '"mediaType":"application/vnd.wasm.config.v0+json"'
[ "$(skopeo manifest-digest <(skopeo inspect --raw --tls-verify=false "docker://$reference"))" = "$manifest" ]
ok "skopeo reads the same bytes in the layout for wasm"

# The signature as it lies in the registry, by the index under the fallback tag.
auth="Authorization: Basic $(printf robot:of-the-robot | base64)"
get() { curl --silent --fail --header "$auth" --header "Accept: $2" "http://$registry/v2/acme/shelf/$1"; }
first() { sed -n "s/.*\"$1\":\[{[^}]*\"digest\":\"\([^\"]*\)\".*/\1/p"; }
signature=$(get "manifests/sha256-${manifest#sha256:}" application/vnd.oci.image.index.v1+json | first manifests)
bundle=$(get "manifests/$signature" application/vnd.oci.image.manifest.v1+json | first layers)
get "blobs/$bundle" "*/*" >"$work/bundle.json"
node "$here/verify.mjs" "$work/bundle.json" acme.pub "$manifest"
ok "the Sigstore project's own library verifies the signature in the registry"
! node "$here/verify.mjs" "$work/bundle.json" other.pub "$manifest" 2>/dev/null
sed 's/"payload":"\(.\)/"payload":"A\1/' "$work/bundle.json" >"$work/forged.json"
! node "$here/verify.mjs" "$work/forged.json" acme.pub "$manifest" 2>/dev/null
ok "and refuses it by another key, and forged"
cp "$component" shelf.wasm
loadlock component sign shelf.wasm --key acme.key >/dev/null
node "$here/verify.mjs" shelf.wasm.sigstore.json acme.pub "sha256:$(sha256sum shelf.wasm | cut -d ' ' -f 1)"
loadlock component verify shelf.wasm --key acme.pub >/dev/null
ok "and that of a file"

# What skopeo pushes from its own copy is the same component.
skopeo copy --quiet --dest-tls-verify=false "oci:$work/layout:shelf" "docker://$registry/acme/copied:1.2.0"
loadlock component sign "$registry/acme/copied:1.2.0" --key acme.key --plain-http >/dev/null
loadlock component verify "$registry/acme/copied:1.2.0" --key acme.pub --plain-http >/dev/null
ok "what skopeo pushes is signed and verified"
"$here/share.sh" "$component" "$registry" drawer
ok "from its maker to another home, and an upload through it"
echo
echo "$passed passed, 0 failed"
