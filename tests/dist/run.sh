#!/usr/bin/env bash
# What `make dist` makes is packed twice, unpacked in an empty folder, and used: checksums, man pages, completions in the
# shells that are here, the bill of materials, and a file through the program, with nothing of this folder in sight.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
passed=0 failed=0

check() { # description, command…
    local what=$1; shift
    if "$@" >"$work/out" 2>"$work/err"; then
        echo "ok      $what"; passed=$((passed + 1))
    else
        echo "FAILED  $what"; cat "$work/out" "$work/err"; failed=$((failed + 1))
    fi
}
# What is checked with a program that is not everywhere.
check_with() { # program, description, command…
    local program=$1; shift
    if command -v "$program" >/dev/null; then check "$@"; else echo "-       $1: there is no $program here"; fi
}

archive=$(OUTPUT="$work/first" "$root/deploy/dist.sh")
again=$(OUTPUT="$work/second" "$root/deploy/dist.sh")
name=$(basename "$archive")
check "packed twice it is the same bytes" cmp "$archive" "$again"
check "the checksum beside it is its own" sh -c "cd '$work/first' && sha256sum --check --strict SHA256SUMS"
mkdir "$work/unpacked"
tar --extract --gzip --file "$archive" --directory "$work/unpacked" --no-same-owner
place=$work/unpacked/${name%.tar.gz}
check "the checksums inside hold" sh -c "cd '$place' && sha256sum --check --strict SHA256SUMS"
everything() { # every file but the list itself is in the list
    [ "$(cd "$place" && find . -type f ! -name SHA256SUMS | wc -l)" = "$(wc -l <"$place/SHA256SUMS")" ]
}
check "and are those of every file" everything
only_root() { tar --list --verbose --gzip --numeric-owner --file "$archive" | awk '$2 != "0/0" { exit 1 }'; }
check "nothing in it belongs to whoever packed it" only_root

# The program, in a world without this repository.
mkdir "$work/files"
printf 'hello, vacuum\n' >"$work/files/report.txt"
loadlock() {
    (cd "$work/files" && env --ignore-environment PATH="$PATH" HOME="$work" "$place/bin/loadlock" --home "$work/home" "$@")
}
check "it says which program it is" sh -c "'$place/bin/loadlock' --version | grep -q wasmtime"
stores() { loadlock --json upload report.txt | grep -q '"deduplicated":false'; }
check "it uploads a file" stores
known() { loadlock --json upload report.txt | grep -q '"deduplicated":true'; }
check "and knows it again" known
gives_back() { loadlock files content "$(loadlock files ls -q --limit 1)" | cmp - "$work/files/report.txt"; }
check "and gives it back" gives_back

serve() {
    mkfifo "$work/says"
    (cd "$work/files" && exec env --ignore-environment PATH="$PATH" HOME="$work" \
        "$place/bin/loadlock" --home "$work/home" --json serve --listen 127.0.0.1:0) >"$work/says" 2>"$work/log" &
    server=$!
    # Its first line says where; without one it has ended, and so has the read.
    read -r line <"$work/says"
    address=$(grep -o '127.0.0.1:[0-9]*' <<<"$line" | head -n 1)
    [ -n "$address" ]
}
check "it serves" serve
over_http() {
    token=$(loadlock token issue --tenant acme)
    curl --silent --fail --max-time 30 --header "Authorization: Bearer $token" --form purpose=user_data \
        --form file=@"$work/files/report.txt" "http://$address/v1/files" | grep -q '"object":"file"'
}
check_with curl "and takes a file over HTTP" over_http
stops() { kill -TERM "$server"; wait "$server"; server=; }
check "and stops in order" stops

man1=$place/share/man/man1
check "each command has a man page" sh -c "ls '$man1' | grep -qx loadlock-files-content.1"
pages() {
    local page
    for page in "$man1"/*.1; do
        # Whatever groff has to say about a page is a mistake in it.
        groff -man -Tutf8 -ww -z "$page" 2>"$work/groff" || return 1
        ! [ -s "$work/groff" ] || { cat "$page" "$work/groff"; return 1; }
    done
}
check_with groff "that is a man page" pages
completes_bash() {
    bash --norc -c ". '$place/share/bash-completion/completions/loadlock'
        COMP_WORDS=(loadlock up); COMP_CWORD=1; _loadlock loadlock up loadlock; [ \"\${COMPREPLY[*]}\" = upload ]"
}
check "bash completes it" completes_bash
completes_zsh() {
    zsh -f -c "fpath=('$place/share/zsh/site-functions' \$fpath); autoload -Uz compinit && compinit -u -d '$work/zcomp'
        [ \"\${_comps[loadlock]}\" = _loadlock ] && autoload +X _loadlock && whence -w _loadlock | grep -q function"
}
check_with zsh "zsh loads it" completes_zsh
completes_fish() {
    HOME=$work fish --no-config -c "source '$place/share/fish/vendor_completions.d/loadlock.fish'
        complete --do-complete 'loadlock up' | string match --quiet 'upload*'"
}
check_with fish "fish completes it" completes_fish

check "a unit and its user are there" sh -c "grep -q '^ExecStart=/usr/local/bin/loadlock' '$place/lib/systemd/system/loadlock.service' && [ -s '$place/lib/sysusers.d/loadlock.conf' ]"

bill=$place/sbom.cdx.json
holds() { grep -q "\"name\": \"$1\"" "$bill"; }
check "the bill of materials has the sandbox" holds wasmtime
check "and what components are made of" holds redb
check "and none of the tests" sh -c "! grep -q '\"name\": \"tempfile\"' '$bill'"
check "every dependency's licence is there" grep -q '^wasmtime [0-9.]*: Apache-2.0' "$place/LICENSES-OF-DEPENDENCIES.txt"
nothing_of_here() { ! grep -rqF "$root" "$place"/share "$place"/*.txt "$place"/*.json "$place"/SHA256SUMS; }
check "nothing beside the program names the folder where it was built" nothing_of_here

echo
echo "$passed passed, $failed failed; the archive has $(stat --format=%s "$archive") bytes, the program $(stat --format=%s "$place/bin/loadlock")"
[ "$failed" -eq 0 ]
