#!/usr/bin/env bash
# Ends one run at 200 random moments with SIGKILL and resumes it each time. TRIBUNAL_KILLS sets another number.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh
export TRIBUNAL_KILLS="${TRIBUNAL_KILLS:-200}"
echo "== $TRIBUNAL_KILLS kills"
cargo test --locked --release --package tribunal --test tribunal -- kill --nocapture
