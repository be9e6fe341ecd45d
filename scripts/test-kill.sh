#!/usr/bin/env bash
# Ends one run at 200 random moments with SIGKILL and resumes it each time. TRIBUNAL_KILLS sets another number. Where `make plugins` has been
# run and RMB's data are there, a run with tiny models on this machine is then ended 20 times.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/ensure-tools.sh
export TRIBUNAL_KILLS="${TRIBUNAL_KILLS:-200}"
echo "== $TRIBUNAL_KILLS kills"
cargo test --locked --release --package tribunal --test tribunal -- kill --nocapture
echo "== 20 kills of models on this machine"
cargo test --locked --release --package tribunal --test tribunal -- local::stopped::a_long_run --ignored --nocapture
