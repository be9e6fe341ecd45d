#!/usr/bin/env bash
# Makes sure that the tools exist which a build needs beyond Rust itself.
#
# Build scripts of two dependencies compile C (BLAKE3's vector code, Zstandard), and Rust links through `cc`. Nothing else
# is needed for the program itself; plugins/llama needs CMake, Ninja, a C++ compiler and clang's library. As root on a Debian machine
# what is missing is installed; otherwise the command that would do it is named.
set -euo pipefail

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

# Installs Debian packages as root, or says how.
install() {
    local what=$1
    shift
    local command="apt-get install --yes --no-install-recommends $*"
    if ! command -v apt-get > /dev/null; then
        fail "$what is missing" "install it with the package manager of this system, then start again"
    elif [ "$(id -u)" -ne 0 ]; then
        fail "$what is missing" "run \`sudo $command\`, then start again"
    fi
    echo "installing $* for $what" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet=2 && $command --quiet=2 > /dev/null ||
        fail "$what could not be installed" "run \`apt-get update && $command\` and read what it says"
}

if ! command -v cargo > /dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    fail "cargo is installed and not on the path" "run \`. ${CARGO_HOME:-$HOME/.cargo}/env\`, then start again"
fi
command -v cargo > /dev/null ||
    fail "Rust is missing" "install Rust 1.90 or newer with rustup, then start again"

# A compiler without the headers of the C library cannot build Zstandard.
compiles_c() {
    command -v "${CC:-cc}" > /dev/null &&
        printf '#include <stdlib.h>\n' | "${CC:-cc}" -x c -fsyntax-only - 2> /dev/null
}
compiles_c || install "a C compiler with the headers of the C library" gcc libc6-dev
command -v cc > /dev/null || install "the linker driver \`cc\`" gcc libc6-dev

# Bindings to C are made with clang's library and its own headers.
has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] ||
        compgen -G "/usr/lib/llvm-*/lib/libclang*.so*" > /dev/null ||
        compgen -G "/usr/lib*/libclang*.so*" > /dev/null ||
        compgen -G "/usr/lib/*-linux-gnu/libclang*.so*" > /dev/null ||
        command -v xcode-select > /dev/null
}

# What the caller names: `ensure-tools.sh fmt clippy c++`.
for part in "$@"; do
    case $part in
        c++) command -v c++ > /dev/null || install "a C++ compiler" g++ && continue ;;
        cmake) command -v cmake > /dev/null || install "CMake" cmake && continue ;;
        ninja) command -v ninja > /dev/null || install "Ninja" ninja-build && continue ;;
        libclang) has_libclang || install "clang's library" libclang-dev && continue ;;
    esac
    cargo "$part" --version > /dev/null 2>&1 && continue
    component=$part
    [ "$part" = fmt ] && component=rustfmt
    command -v rustup > /dev/null ||
        fail "\`cargo $part\` is missing" "install the component \`$component\` of Rust, then start again"
    echo "installing the component $component of Rust" >&2
    rustup component add "$component"
done
