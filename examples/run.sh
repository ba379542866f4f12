#!/bin/sh
# System B on one machine: a lab, unless a server is at SERVER_IP and SERVER_PORT already, and the command prompt.
# Arguments are the prompt's: examples/run.sh --variant client
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
SERVER_IP=${SERVER_IP:-127.0.0.1}
SERVER_PORT=${SERVER_PORT:-8889}
export SERVER_IP SERVER_PORT PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

# What make demo makes, too. PYTHON=... takes another one, in which chatproto's requirements are installed.
if [ -z "${PYTHON:-}" ]; then
    PYTHON="$root/.venv/bin/python"
    [ -x "$PYTHON" ] || python3 -m venv "$root/.venv"
    "$PYTHON" -c "import chatproto.cli, twisted.internet.ssl" 2>/dev/null ||
        "$PYTHON" -m pip install --quiet --disable-pip-version-check "$root"
fi

alive="$root/examples/older/alive.py"
is_there() {
    "$PYTHON" "$alive" && return
    [ $? -eq 1 ] || exit 1 # which said why
    return 1
}
if ! is_there; then
    "$PYTHON" -c "import socket, sys; socket.create_server((sys.argv[1], 0))" "$SERVER_IP" 2>/dev/null || {
        echo "Nothing answers at $SERVER_IP:$SERVER_PORT, and that is not this machine, where a lab could be started." >&2
        exit 1
    }
    log=$(mktemp)
    "$PYTHON" -m chatproto serve --realm alpha --lab --store memory: >"$log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null || :; wait "$server" || :; rm -f "$log"' EXIT
    trap 'exit 130' INT TERM
    until is_there; do
        kill -0 "$server" 2>/dev/null || { cat "$log" >&2; exit 1; }
        sleep 0.1
    done
    echo "A lab listens at $SERVER_IP port $SERVER_PORT: messi, henderson and lineker, password surabaya."
fi
"$PYTHON" "$root/examples/older/command_prompt.py" "$@"
