#!/usr/bin/env bash
# Builds the two programs that parity checks and benches run, and prints their paths on one line: `tribunal`, and the example `ask` of
# plugins/llama. TRIBUNAL_BIN and TRIBUNAL_ASK name ones that are built already. Exit code 2 when they cannot be built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

release=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release
if [ -z "${TRIBUNAL_BIN:-}" ]; then
    scripts/ensure-tools.sh >&2
    echo "building tribunal" >&2
    cargo build --locked --release --package tribunal >&2 || exit 2
    TRIBUNAL_BIN=$release/tribunal
fi
if [ -z "${TRIBUNAL_ASK:-}" ]; then
    scripts/ensure-tools.sh >&2
    echo "building ask" >&2
    cargo build --locked --release --package tribunal-llama --example ask >&2 || exit 2
    TRIBUNAL_ASK=$release/examples/ask
fi
echo "$(realpath "$TRIBUNAL_BIN") $(realpath "$TRIBUNAL_ASK")"
