# Sourced by run.sh and the suites: where the binary and the installed clients are, and how they get there.
root=$(cd "$(dirname "$0")" && while [ ! -f deny.toml ] && [ "$PWD" != / ]; do cd ..; done && pwd)
LOADLOCK=${LOADLOCK:-$root/target/release/loadlock}
case $LOADLOCK in /*) ;; *) LOADLOCK=$(pwd)/$LOADLOCK ;; esac
cache=${CACHE:-$root/.cache/clients}
export LOADLOCK CACHE="$cache" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/tests/clients"
[ -x "$LOADLOCK" ] || { echo "$LOADLOCK is missing: run \`make build\`, or set LOADLOCK" >&2; exit 2; }

# What is missing, and what to do about it.
cannot_install() { # registry, list, what the installer said
    tail -5 "$3" >&2
    echo "cannot install $2 from $1. It is needed once, and again when that list changes; what is installed stays in $cache" >&2
    exit 3
}

# A virtual environment with the packages of a list. The copy of the list beside it says that it is complete: a changed
# list installs again.
python_packages() { # environment, list
    mkdir -p "$cache"
    if cmp -s "$2" "$1/requirements.txt" && "$1/bin/python" -c '' 2>/dev/null; then return; fi
    rm -rf "$1"
    { python3 -m venv "$1" && "$1/bin/python" -m pip install --quiet --disable-pip-version-check --retries 2 -r "$2"; } >"$1.log" 2>&1 ||
        cannot_install PyPI "$2" "$1.log"
    cp "$2" "$1/requirements.txt"
}

# A folder with the packages of a list.
node_packages() { # folder, list
    mkdir -p "$1"
    if cmp -s "$2" "$1/installed.json"; then return; fi
    rm -rf "$1/node_modules"
    cp "$2" "$1/package.json"
    npm install --prefix "$1" --silent --no-audit --no-fund --no-package-lock --fetch-retries 2 --fetch-retry-mintimeout 1000 --fetch-retry-maxtimeout 5000 >"$1.log" 2>&1 ||
        cannot_install npm "$2" "$1.log"
    cp "$2" "$1/installed.json"
}
