#!/usr/bin/env bash
# What `deploy` holds, tried where it can be: the unit by systemd's own tools, users and folders in an empty root, the
# Debian package installed, upgraded and purged there, and the container's root as a read-only chroot under another user,
# in which a file goes in and comes out.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
loadlock=${LOADLOCK:-$root/target/release/loadlock}
case $loadlock in /*) ;; *) loadlock=$root/$loadlock ;; esac
[ -x "$loadlock" ] || { echo "$loadlock is missing; run \`make build\` first" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 left=0

check() { # description, command…
    local what=$1; shift
    if "$@" >"$work/out" 2>"$work/err"; then
        echo "ok      $what"; passed=$((passed + 1))
    else
        echo "FAILED  $what"; cat "$work/out" "$work/err"; failed=$((failed + 1))
    fi
}
not_here() { echo "-       not tried: $1"; left=$((left + 1)); }

unit=$root/deploy/systemd/loadlock.service
if command -v systemd-analyze >/dev/null; then
    # As it is, but for the program, which is not installed here.
    sed "s|/usr/local/bin/loadlock|$loadlock|" "$unit" >"$work/loadlock.service"
    verify() { systemd-analyze verify --man=no "$work/loadlock.service" && ! [ -s "$work/err" ]; }
    check "systemd finds no mistake in the unit" verify
    check "its exposure is below 2.0" systemd-analyze security --offline=true --threshold=20 "$work/loadlock.service"
    grep 'Overall exposure' "$work/out" || true
    check "it has a user of its own" grep -qx User=loadlock "$unit"
else
    not_here "the unit: there is no systemd-analyze"
fi
if command -v systemd-sysusers >/dev/null && command -v systemd-tmpfiles >/dev/null && [ "$(id -u)" = 0 ]; then
    mkdir -p "$work/system/etc" "$work/system/var/lib"
    check "the user is made" systemd-sysusers --root="$work/system" "$root/deploy/systemd/loadlock.sysusers"
    check "and has no shell" grep -q '^loadlock:.*/nologin$' "$work/system/etc/passwd"
    check "the folders are made" systemd-tmpfiles --root="$work/system" --create "$root/deploy/systemd/loadlock.tmpfiles"
    owned() { # folder, mode: of the new user's group
        local group
        group=$(sed -n 's/^loadlock:[^:]*:\([0-9]*\):.*/\1/p' "$work/system/etc/group")
        [ "$(stat --format='%a %g' "$work/system$1")" = "$2 $group" ]
    }
    check "the state is for that user alone" owned /var/lib/loadlock 700
    check "the configuration is for its group to read" owned /etc/loadlock 750
else
    not_here "users and folders: needs root, systemd-sysusers and systemd-tmpfiles"
fi

# The package, installed in a root of its own: dpkg's own database, and scripts that take that root.
if command -v dpkg-deb >/dev/null && command -v systemd-sysusers >/dev/null && [ "$(id -u)" = 0 ]; then
    system=$work/debian
    mkdir -p "$system"/{etc,var/lib/dpkg/updates,var/lib/dpkg/info,var/log}
    touch "$system/var/lib/dpkg/status" "$system/var/lib/dpkg/available"
    # What it depends on is outside of that root.
    dpkg_there() { dpkg --root="$system" --force-script-chrootless --force-depends --force-confold "$@"; }
    packed() { OUTPUT="$work" LOADLOCK="$loadlock" REVISION="$1" "$root/deploy/debian/package.sh"; }
    first=$(packed 1)
    cp "$first" "$work/again.deb"
    same() { packed 1 && cmp "$first" "$work/again.deb"; }
    check "the Debian package is the same bytes when it is packed again" same
    check "it is installed" dpkg_there --install "$first"
    there() { "$system/usr/bin/loadlock" --config "$system/etc/loadlock/loadlock.toml" --home "$system/var/lib/loadlock" "$@"; }
    check "its user and folders are there" sh -c "grep -q ^loadlock: '$system/etc/passwd' && [ -d '$system/var/lib/loadlock' ]"
    check "its unit starts what it installs" grep -q '^ExecStart=/usr/bin/loadlock ' "$system/usr/lib/systemd/system/loadlock.service"
    pages() { [ -f "$system/usr/share/man/man1/loadlock-upload.1.gz" ] && [ -f "$system/usr/share/zsh/vendor-completions/_loadlock" ]; }
    check "man pages and completions are where Debian has them" pages
    kept() { printf 'kept\n' | there upload - --name kept.txt --json | grep -q '"deduplicated":false'; }
    check "a file is uploaded with its configuration" kept
    echo '# changed by an operator' >>"$system/etc/loadlock/loadlock.toml"
    check "it is upgraded" dpkg_there --install "$(packed 2)"
    upgraded() {
        grep -q 'changed by an operator' "$system/etc/loadlock/loadlock.toml" &&
            there files content "$(there files ls -q --limit 1)" | grep -qx kept
    }
    check "the upgrade keeps configuration, ledger and file" upgraded
    check "it is removed and purged" dpkg_there --purge loadlock
    gone() { [ ! -e "$system/usr/bin/loadlock" ] && [ ! -e "$system/etc/loadlock/loadlock.toml" ] && [ -d "$system/var/lib/loadlock" ]; }
    check "of it the ledger alone stays" gone
else
    not_here "the Debian package: needs root, dpkg-deb and systemd-sysusers"
fi

image=$work/image
check "the image's folder is made" env LOADLOCK="$loadlock" "$root/deploy/container/root.sh" "$image"
check "nothing is fetched or run when it is built" sh -c "! grep -E '^(RUN|ADD)|^FROM' '$image/Containerfile' | grep -vx 'FROM scratch'"
nobody() { # the user of the Containerfile is not root, and is the one in its passwd
    local user
    user=$(sed -n 's/^USER //p' "$image/Containerfile")
    [ "${user%%:*}" != 0 ] && grep -q ":x:$user:" "$image/root/etc/passwd"
}
check "it runs as a user that is not root" nobody
few() { [ "$(find "$image/root" -type f | wc -l)" -lt 16 ]; }
check "there is nothing in it but program, libraries, certificates and user" few

# A container without a runtime: namespaces, the root read-only, one volume, that user.
inside() { # command in the container…
    unshare --mount --pid --fork --net sh -euc '
        image=$1; volume=$2; shift 2
        mount --make-rprivate /
        mount --bind "$image/root" "$image/root"
        mount -t proc proc "$image/root/proc"
        mount --bind "$volume" "$image/root/var/lib/loadlock"
        mount -o remount,bind,ro "$image/root"
        exec env --ignore-environment LOADLOCK_HOME=/var/lib/loadlock LOADLOCK_CONFIG=/etc/loadlock/loadlock.toml \
            "$(command -v chroot)" --userspec=65532:65532 "$image/root" /usr/bin/loadlock "$@"' - "$image" "$work/volume" "$@"
}
if [ "$(id -u)" = 0 ] && unshare --mount --pid --fork --net true 2>/dev/null; then
    mkdir -m 700 "$work/volume"
    chown 65532:65532 "$work/volume"
    stores() { printf 'hello, vacuum\n' | inside upload - --name a.txt --json | grep -q '"deduplicated":false'; }
    check "a file goes in, with a read-only root, as that user" stores
    reads() { inside files content "$(inside files ls -q --limit 1)" | grep -qx 'hello, vacuum'; }
    check "and comes out of the volume in another container" reads
    check "the health check is a command of the program" inside --quiet --no-wait providers ls
    healthy() { grep -qF '["/usr/bin/loadlock", "--quiet", "--no-wait", "providers", "ls"]' "$image/Containerfile"; }
    check "and is that of the Containerfile" healthy
    doctor() { inside doctor --json >"$work/lines" && ! grep -q '"state":"bad"' "$work/lines"; }
    check "doctor finds nothing in it" doctor
    written() { [ -z "$(find "$image/root" -newer "$image/Containerfile" -type f -not -path '*/proc/*')" ]; }
    check "nothing was written to the root" written
else
    not_here "the container's root: needs root and namespaces"
fi
if command -v buildah >/dev/null && [ "$(id -u)" = 0 ]; then
    storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
    check "buildah builds it" \
        buildah "${storage[@]}" build --isolation chroot --quiet --format docker --tag loadlock "$image"
    user() { buildah "${storage[@]}" inspect --type image --format '{{.OCIv1.Config.User}}' loadlock | grep -qx 65532:65532; }
    check "and the image says who runs it" user
else
    not_here "the image itself: needs root and buildah"
fi

echo
echo "$passed passed, $failed failed, $left not tried here"
[ "$failed" -eq 0 ]
