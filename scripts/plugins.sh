#!/usr/bin/env bash
# Builds the plugins that are libraries of their own, in release, into target/plugins.
#
# NATIVE=1 builds for the instruction set of this machine, in a target folder of its own. FEATURES=cuda (or vulkan, metal) is passed on to
# llama.cpp; what these need is not installed here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh c++ cmake ninja libclang
source scripts/llama-env.sh
if [ -n "${NATIVE:-}" ]; then
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/native RUSTFLAGS="${RUSTFLAGS:-} -C target-cpu=native"
fi
target=${CARGO_TARGET_DIR:-target}
if ! compgen -G "$target/release/build/llama-cpp-sys-2-*/output" > /dev/null; then
    echo "building llama.cpp once; it takes some minutes" >&2
fi
cargo build --locked --release --package tribunal-llama --lib ${FEATURES:+--features "$FEATURES"}

mkdir -p target/plugins
for library in "$target"/release/libtribunal_llama.{so,dylib} "$target"/release/tribunal_llama.dll; do
    [ -e "$library" ] || continue
    # A new file in place of the old one: a program that runs keeps what it has loaded.
    cp "$library" target/plugins/.new
    mv target/plugins/.new "target/plugins/$(basename "$library")"
    echo "target/plugins/$(basename "$library")"
done
