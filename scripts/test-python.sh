#!/usr/bin/env bash
# The Python package: types, protocol, and the ready adapters held against transformers itself.
#
# torch and transformers live in a virtual environment below target/, made when it is missing (a few gigabytes).
# TRIBUNAL_PYTHON_VENV names one that exists already. Exit codes: 0 all passed, 1 some failed, 2 the environment could not be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$(scripts/ensure-venv.sh TRIBUNAL_PYTHON_VENV target/python-venv "mypy, torch, transformers" \
    torch transformers safetensors tokenizers numpy mypy)

echo "== types"
mypy=$(realpath "$venv/bin/mypy")
cache=$(realpath target)/mypy
(cd plugins/python && "$mypy" --cache-dir "$cache")
echo "== tests"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=plugins/python \
    exec "$venv/bin/python" -m unittest discover -s plugins/python/tests "$@"
