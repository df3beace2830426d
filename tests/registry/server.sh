# Sourced: Debian's docker-registry on a free port of loopback. Needs python3.

# Installs programs of these names where that may be done.
debian_programs() { # package…
    local program missing=
    for program in "$@"; do
        command -v "$program" >/dev/null || missing=1
    done
    [ -n "$missing" ] || return 0
    "$(dirname "${BASH_SOURCE[0]}")/../apt.sh" "$@" 2>/dev/null
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "$program is missing: install it, or run this as root" >&2; exit 3; }
    done
}

# Sets `registry`, HOST:PORT, and `server`, the process. What is stored goes with the folder.
start_registry() { # folder, [more of the configuration]
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    registry=127.0.0.1:$port
    cat >"$1/registry.yml" <<YAML
version: 0.1
storage: { filesystem: { rootdirectory: $1/storage } }
http: { addr: $registry }
${2:-}
YAML
    docker-registry serve "$1/registry.yml" >"$1/registry.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        curl --silent --output /dev/null "http://$registry/v2/" && return
        kill -0 "$server" || { cat "$1/registry.log"; exit 1; }
        sleep 0.1
    done
    echo "docker-registry does not answer at $registry" >&2
    exit 1
}
