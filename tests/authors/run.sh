#!/usr/bin/env bash
# Every template as its author meets it, with the release binary: `component new`, `build` and `test`, and for providers
# an upload through a gateway, there and back. Then the providers of all languages go through the rest of their lives
# together (life.py), by Debian's docker-registry. Tools come from PyPI and npm, below .cache. At the end a stopwatch:
# from `new` to a stored file. PAGE=FILE puts it into that page, between its marks.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=$root/.cache/authors
loadlock=${LOADLOCK:-$root/target/release/loadlock}
. "$root/tests/registry/server.sh"
debian_programs docker-registry
[ -x "$loadlock" ] || { echo "$loadlock is missing; run \`make build\` first"; exit 1; }
mkdir -p "$cache/pip" "$cache/npm" "$cache/target"
export PIP_CACHE_DIR=$cache/pip npm_config_cache=$cache/npm
work=$(mktemp -d)
vendor= server=
trap 'for process in $vendor $server; do kill "$process" 2>/dev/null || true; done; rm -rf "$work"' EXIT
passed=0 failed=0 table=() lives=()

check() { # description, command…
    local what=$1; shift
    if "$@" >"$work/out" 2>"$work/err"; then
        echo "ok      $what"; passed=$((passed + 1))
    else
        echo "FAILED  $what"; cat "$work/out" "$work/err"; failed=$((failed + 1))
    fi
}
run() { "$loadlock" --config "$work/loadlock.toml" --home "$work/home" "$@"; }
project() { # language, role
    name=house-$1-$2 folder=$work/house-$1-$2
    check "$1 $2: a project is made" "$loadlock" component new "$name" --lang "$1" --role "$2" --in "$work"
    # Dependencies are compiled, and tools installed, once for all projects of a language.
    case $1 in
        rust) ln -s "$cache/target" "$folder/target" ;;
        python) borrow .venv bin/pip bin/componentize-py ;;
        javascript) borrow node_modules .package-lock.json ;;
    esac
    check "$1 $2: it builds" "$loadlock" component build "$folder"
}
# What the provider's project of the same language has installed; the files say that it is complete.
borrow() { # folder, file…
    local from=${folder%-*}-provider/$1 file
    [ -d "$from" ] && [ "$from" != "$folder/$1" ] || return 0
    ln -s "$from" "$folder/$1"
    shift
    for file in "$@"; do touch "$from/$file"; done
}
conforms() { check "$1 $2: it keeps what the contract promises" in_project component test --output report.json; }
in_project() { (cd "$folder" && run "$@"); }

# A file through the provider in $folder, there and back.
upload() { # language
    local command id
    command=$(sed -n 's/^vendor = "\(.*\)"$/\1/p' "$folder/component.toml")
    : >"$work/url"
    (cd "$folder" && exec sh -c "exec $command") >"$work/url" 2>/dev/null &
    vendor=$!
    until [ -s "$work/url" ]; do kill -0 "$vendor" && sleep 0.1; done
    cat >"$work/loadlock.toml" <<TOML
grants = [{ root = "$work/files" }]
[providers.mine]
component = "$folder/$name.wasm"
settings = { base_url = "$(cat "$work/url")" }
egress = [{ url = "$(cat "$work/url")/files", methods = ["GET", "POST", "DELETE"], private = true }]
TOML
    head -c 300000 /dev/urandom >"$work/files/$1.bin"
    check "$1 provider: a gateway stores a file through it" run --json upload "$work/files/$1.bin"
    id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' "$work/out" | head -n 1)
    table+=("| $1 | $(awk -v s="$SECONDS" -v from="$from" 'BEGIN { printf "%.1f", (s - from) / 60 }') |")
    back() { run files content "$id" | cmp - "$work/files/$1.bin"; }
    check "$1 provider: the very bytes come back" back "$1"
    check "$1 provider: it deletes" run files rm "$id"
    kill "$vendor" && wait "$vendor" 2>/dev/null || true
    vendor=
}

# A second version, in $folder/second.wasm. Rust's is built from other sources; one with one more section is cheaper, and
# other bytes as well.
second() { # language
    local first=$folder/$name.wasm source=$folder/src/lib.rs
    if [ "$1" != rust ]; then
        { cat "$first" && printf '\0\011\007version2'; } >"$folder/second.wasm"
        return
    fi
    cp "$first" "$work/first.wasm" && cp "$source" "$work/lib.rs" &&
        sed 's/bytes: stored.bytes,/bytes: stored.bytes + 1,/' "$work/lib.rs" >"$source" &&
        "$loadlock" component build "$folder" && mv "$first" "$work/bad.wasm" &&
        sed -e 's/title: format!("/&second /' -e 's/fn probe().*/&\n        eprintln!("second probe");/' \
            "$work/lib.rs" >"$source" &&
        "$loadlock" component build "$folder" && mv "$first" "$folder/second.wasm" &&
        mv "$work/first.wasm" "$first" &&
        [ "$(sha256sum "$first" "$folder/second.wasm" "$work/bad.wasm" | cut -d ' ' -f 1 | sort -u | wc -l)" = 3 ]
}
life() { # language=project…
    start_registry "$work"
    PYTHONDONTWRITEBYTECODE=1 python3 "$here/life.py" "$loadlock" "$work" "$registry" "$@" | tee "$work/life"
    passed=$((passed + $(grep -c '^ok' "$work/life")))
}

mkdir -p "$work/files" "$work/home"
touch "$work/loadlock.toml"
languages=${LANGUAGES:-rust python javascript}
for language in $languages; do
    from=$SECONDS
    project "$language" provider
    upload "$language"
    : >"$work/loadlock.toml"
    conforms "$language" provider
    check "$language provider: there is a second version" second "$language"
    lives+=("$language=$folder")
    project "$language" validator
    conforms "$language" validator
    [ "$language" = javascript ] && continue
    project "$language" auth
    conforms "$language" auth
done

[ "$failed" -ne 0 ] || life "${lives[@]}"

printf '\n| language | minutes from `component new` to a stored file |\n|---|---|\n'
printf '%s\n' "${table[@]}"
if [ -n "${PAGE:-}" ]; then
    { sed '/<!-- stopwatch -->/q' "$PAGE"
      printf '\n| language | minutes |\n|---|---|\n'; printf '%s\n' "${table[@]}"; echo
      sed -n '/<!-- stopwatch end -->/,$p' "$PAGE"; } >"$work/page"
    cp "$work/page" "$PAGE"
fi
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
