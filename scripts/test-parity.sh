#!/usr/bin/env bash
# Imported models held against transformers: texts, token ids, scores and log-probabilities of every family of models.
#
#     scripts/test-parity.sh [--full] [--family NAME] [SECTION...]
#
# Models are made on the spot, random and small; the larger ones have the shape of 0.5B. Real texts and trained models are taken from
# ../shared/data where it is there. Half an hour on one core, two hours with --full; 8 GiB of memory and of disk space. Sections:
# templates, token_ids, classifiers, heads, causal, trained, half.
#
# torch and transformers live in a virtual environment below target/, made when it is missing (a few gigabytes).
# TRIBUNAL_PYTHON_VENV names one that exists already; TRIBUNAL_BIN and TRIBUNAL_ASK are programs that are built already: `tribunal`, and the
# example `ask` of plugins/llama. Exit codes: 0 all checks passed, 1 some failed, 2 the environment or the programs could not be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$(scripts/ensure-venv.sh TRIBUNAL_PYTHON_VENV target/python-venv "mypy, torch, transformers" \
    torch transformers safetensors tokenizers numpy mypy)
programs=$(scripts/build-parity.sh) || exit 2
read -r tribunal ask <<< "$programs"

echo "== types"
mypy=$(realpath "$venv/bin/mypy")
cache=$(realpath -m target)/mypy
(cd tests/parity && "$mypy" --strict --cache-dir "$cache" run.py bench.py)
OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" tests/parity/run.py "$tribunal" "$ask" "$@"
