#!/usr/bin/env bash
# The Python package: types, protocol, and the ready adapters held against transformers itself.
#
# torch and transformers live in a virtual environment below target/, made when it is missing (a few gigabytes).
# TRIBUNAL_PYTHON_VENV names one that exists already. Exit codes: 0 all passed, 1 some failed, 2 the environment could not be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 2
}

packages=(torch transformers safetensors tokenizers numpy mypy)
venv=${TRIBUNAL_PYTHON_VENV:-target/python-venv}
sound() { "$venv/bin/python" -c "import torch, transformers, mypy" 2> /dev/null; }

if ! sound; then
    [ -z "${TRIBUNAL_PYTHON_VENV:-}" ] ||
        fail "\`$venv\` lacks torch, transformers or mypy" "install ${packages[*]} there, or unset TRIBUNAL_PYTHON_VENV"
    command -v python3 > /dev/null || fail "python3 is missing" "install Python 3.9 or newer with its module venv"
    echo "installing ${packages[*]} in $venv" >&2
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv" && nice "$venv/bin/python" -m pip install --quiet "${packages[@]}" ||
        fail "the packages cannot be installed" "check that pip can download, then start again"
fi

echo "== types"
mypy=$(realpath "$venv/bin/mypy")
cache=$(realpath target)/mypy
(cd plugins/python && "$mypy" --cache-dir "$cache")
echo "== tests"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=plugins/python \
    exec "$venv/bin/python" -m unittest discover -s plugins/python/tests "$@"
