#!/usr/bin/env bash
# The loader and plugins in C under AddressSanitizer and valgrind. Names what cannot run on this machine.
#
# AddressSanitizer comes with the Rust toolchain; switching it on needs RUSTC_BOOTSTRAP, and a target folder of its own. Exit codes: 0
# nothing was found, 1 something was, 2 neither tool could run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh
host=$(rustc -vV | sed -n 's/^host: //p')
ran=0
found=0

echo "== AddressSanitizer: the loader with libraries in C"
# The leak checker is off: libraries, their cards and instances that do not come back are kept on purpose.
mkdir -p target
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0
if RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/sanitizer \
    cargo test --locked --target "$host" -p tribunal-loader --test library --no-run 2> target/sanitizer.log; then
    ran=1
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/sanitizer \
        cargo test --locked --target "$host" -p tribunal-loader --test library || found=1
else
    echo "left out: the tests do not build with it (target/sanitizer.log)"
fi

echo "== valgrind: the loader with libraries in C"
if command -v valgrind > /dev/null; then
    ran=1
    cargo test --locked -p tribunal-loader --test library --no-run
    test=$(cargo test --locked -p tribunal-loader --test library --no-run --message-format=json 2> /dev/null |
        sed -n 's/.*"executable":"\([^"]*\/library-[^"]*\)".*/\1/p' | tail -n 1)
    # What never ends, on purpose, would keep valgrind's one running thread for itself.
    valgrind --quiet --error-exitcode=1 --trace-children=no "$test" \
        --skip wedges --skip cut_off --skip never_made --skip hangs || found=1
else
    echo "left out: valgrind is not installed (apt-get install valgrind)"
fi

echo "== Miri: the unsafe core of the API"
if cargo miri --version > /dev/null 2>&1; then
    ran=1
    cargo miri test -p tribunal-api --features guest abi || found=1
else
    echo "left out: this toolchain has no Miri (rustup +nightly component add miri)"
fi

[ "$ran" = 1 ] || exit 2
[ "$found" = 0 ] && echo "nothing was found"
exit "$found"
