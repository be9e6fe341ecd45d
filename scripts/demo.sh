#!/usr/bin/env bash
# Builds the program and runs the demo recipe from the repository's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh
echo "building tribunal (release); the first build takes a few minutes"
cargo build --release --locked --package tribunal
echo
echo "tribunal run examples/recipes/02-demo.toml"
exec "${CARGO_TARGET_DIR:-target}/release/tribunal" run examples/recipes/02-demo.toml
