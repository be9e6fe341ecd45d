#!/usr/bin/env bash
# Format, lints and documentation: everything that needs no test run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh fmt clippy c++ cmake ninja libclang
source scripts/llama-env.sh
step() { echo "== $1"; }

step "format"
cargo fmt --all --check
# What builds llama.cpp is checked in release, where it is built anyway.
step "lints"
cargo clippy --locked --workspace --exclude tribunal-llama --all-targets -- -D warnings
cargo clippy --locked --release --package tribunal-llama --all-targets -- -D warnings
step "documentation"
export RUSTDOCFLAGS="-D warnings"
cargo doc --locked --workspace --exclude tribunal-llama --no-deps
cargo doc --locked --release --package tribunal-llama --no-deps
