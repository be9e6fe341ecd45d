#!/usr/bin/env bash
# Runs the program against a third-party server: llama-cpp-python serving tiny models that are made here.
#
# The server lives in a virtual environment below target/, made when it is missing (it compiles llama.cpp: a quarter of an
# hour on two cores). TRIBUNAL_SERVER_VENV names one that exists already, TRIBUNAL_BIN a program that is built already.
# Exit codes: 0 all checks passed, 1 some failed, 2 the server or the program could not be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 2
}

packages=("llama-cpp-python[server]" gguf numpy)
venv=${TRIBUNAL_SERVER_VENV:-target/server-venv}
serves() { "$venv/bin/python" -c "import gguf, llama_cpp.server.app, numpy" 2> /dev/null; }

if ! serves; then
    [ -z "${TRIBUNAL_SERVER_VENV:-}" ] ||
        fail "\`$venv\` cannot serve models" "install ${packages[*]} there, or unset TRIBUNAL_SERVER_VENV"
    command -v python3 > /dev/null || fail "python3 is missing" "install Python 3.10 or newer with its module venv"
    echo "installing ${packages[*]} in $venv; this compiles llama.cpp and takes a while" >&2
    log=$venv.log
    mkdir -p "$(dirname "$log")"
    {
        python3 -m venv "$venv" && nice "$venv/bin/python" -m pip install --quiet "${packages[@]}"
    } > "$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "the server cannot be installed (whole output in $log)" \
            "check that pip can download packages and that a C++ compiler and CMake are there, then start again"
    }
    serves || fail "the server was installed and does not start" "delete $venv and start again"
fi

if [ -z "${TRIBUNAL_BIN:-}" ]; then
    scripts/ensure-tools.sh
    echo "building tribunal" >&2
    cargo build --locked --package tribunal ||
        fail "tribunal does not build" "read what the compiler says above"
    TRIBUNAL_BIN=${CARGO_TARGET_DIR:-target}/debug/tribunal
fi

exec "$venv/bin/python" tests/real_servers/run.py "$TRIBUNAL_BIN"
