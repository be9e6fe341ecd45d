#!/usr/bin/env bash
# Checks, then all daily tests. The last line is the sum over all test binaries: `N passed, N failed`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/check.sh
source scripts/llama-env.sh
echo "== plugins"
scripts/plugins.sh
echo "== tests"
mkdir -p target
log=target/test-output.txt
status=0
cargo test --locked --no-fail-fast < /dev/null 2>&1 | tee "$log" || status=$?
# What computes with llama.cpp is tested as it is shipped.
cargo test --locked --release --package tribunal-llama --no-fail-fast < /dev/null 2>&1 | tee -a "$log" || status=$?

# Every binary ends with `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
awk -v status="$status" '
    /^test result: / {
        for (place = 1; place < NF; place++) {
            if ($(place + 1) ~ /^passed;/) passed += $place
            if ($(place + 1) ~ /^failed;/) failed += $place
            if ($(place + 1) ~ /^ignored;/) ignored += $place
        }
        binaries++
    }
    END {
        printf "\n== summary of %d test binaries\n", binaries
        if (ignored > 0) printf "%d left out of the daily tests\n", ignored
        if (status != 0 && failed == 0) print "cargo test ended with an error before all tests ran"
        printf "%d passed, %d failed\n", passed, failed
        exit (status != 0 || failed > 0 || passed == 0)
    }
' "$log"
