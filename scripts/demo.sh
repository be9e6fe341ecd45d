#!/usr/bin/env bash
# Builds the program and the library of llama.cpp, makes two tiny models, and runs the demo recipe from the repository's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh
echo "building tribunal (release); the first build takes a few minutes"
cargo build --release --locked --package tribunal
scripts/plugins.sh
tribunal=${CARGO_TARGET_DIR:-target}/release/tribunal
echo
echo "two tiny models with random weights: they judge at chance"
for kind in judge classifier; do
    name=$kind
    [ "$kind" = classifier ] && name=rm
    command=(model make-tiny -o "target/demo/$name" --kind "$kind" --gguf --force)
    echo "tribunal ${command[*]}"
    "$tribunal" "${command[@]}" > /dev/null
done
echo
echo "tribunal run examples/recipes/local/demo.toml --accept-unverified"
exec "$tribunal" run examples/recipes/local/demo.toml --accept-unverified
