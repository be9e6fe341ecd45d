#!/usr/bin/env bash
# Runs the program against a third-party server: llama-cpp-python serving tiny models that are made here.
#
# The server lives in a virtual environment below target/, made when it is missing (it compiles llama.cpp: a quarter of an
# hour on two cores). TRIBUNAL_SERVER_VENV names one that exists already, TRIBUNAL_BIN a program that is built already.
# Exit codes: 0 all checks passed, 1 some failed, 2 the server or the program could not be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$(scripts/ensure-venv.sh TRIBUNAL_SERVER_VENV target/server-venv "gguf, llama_cpp.server.app, numpy" \
    "llama-cpp-python[server]" gguf numpy)

if [ -z "${TRIBUNAL_BIN:-}" ]; then
    scripts/ensure-tools.sh
    echo "building tribunal" >&2
    cargo build --locked --package tribunal || exit 2
    TRIBUNAL_BIN=${CARGO_TARGET_DIR:-target}/debug/tribunal
fi

exec "$venv/bin/python" tests/real_servers/run.py "$TRIBUNAL_BIN"
