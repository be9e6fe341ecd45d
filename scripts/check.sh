#!/usr/bin/env bash
# Format, lints and documentation: everything that needs no test run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh fmt clippy
step() { echo "== $1"; }

step "format"
cargo fmt --all --check
step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
