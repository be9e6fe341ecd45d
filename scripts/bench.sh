#!/usr/bin/env bash
# The program beside a loop that only parses the same files, beside a loop that only sends the same requests, a
# trivial scorer by every carrier of plugins, then the inner parts alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh
cargo bench --locked --bench rmb -- "$@"
echo
cargo bench --locked --bench served -- "$@"
echo
cargo bench --locked --bench plugins -- "$@"
echo
cargo bench --locked --bench parts -- "$@"
