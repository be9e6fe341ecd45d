#!/usr/bin/env bash
# What llama kinds cost on a random model of 0.5B beside the usual ways: recomputing, transformers, a server. CPU time and memory.
#
#     scripts/bench-llama.sh [--quick] [--full] [--only likelihood|generator|classifier|judge]
#
# A quarter of an hour; --quick is a try, --full judges 200 pairs. The model is made once in target/parity (6 GB with its types of weights).
# Environments, programs and exit code 2 are those of scripts/test-parity.sh and scripts/test-servers.sh: TRIBUNAL_PYTHON_VENV,
# TRIBUNAL_SERVER_VENV, TRIBUNAL_BIN, TRIBUNAL_ASK. Goals that are missed are printed as missed; the exit code is 0 all the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$(scripts/ensure-venv.sh TRIBUNAL_PYTHON_VENV target/python-venv "torch, transformers" \
    torch transformers safetensors tokenizers numpy mypy)
server=$(scripts/ensure-venv.sh TRIBUNAL_SERVER_VENV target/server-venv "gguf, llama_cpp.server.app, numpy" \
    "llama-cpp-python[server]" gguf numpy)
programs=$(scripts/build-parity.sh) || exit 2
read -r tribunal ask <<< "$programs"

OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 \
    exec "$venv/bin/python" tests/parity/bench.py "$tribunal" "$ask" --server "$server/bin/python" "$@"
