#!/usr/bin/env bash
# From an empty folder to a report, in Rust, C, C++ and Python, by the commands that `tribunal plugin new` prints and nothing else.
# Commands are counted, and each is timed. Needs cargo with its registry, cc, c++ and python3. With an argument, that program is used
# instead of a release build of this repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ $# -gt 0 ]]; then
    program=$(realpath "$1")
else
    echo "== the program"
    cargo build --locked --release --bin tribunal
    program=$(realpath "${CARGO_TARGET_DIR:-target}/release/tribunal")
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin"
ln -s "$program" "$scratch/bin/tribunal"
export PATH=$scratch/bin:$PATH
unset CARGO_TARGET_DIR PYTHONPATH TRIBUNAL_PLUGIN_PATH
export XDG_DATA_HOME=$scratch/data

seconds() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(seconds)" 'BEGIN { printf "%7.1f s", to - from }'; }

# The lines of the author's own file that are neither blank nor a comment.
own_lines() {
    python3 - "$1" <<'PYTHON'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
text = re.sub(r'/\*.*?\*/|""".*?"""', "", text, flags=re.S)
print(sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith(("//", "# "))))
PYTHON
}

failed=0
summary=""

# follow LANGUAGE COMPONENT
follow() {
    local name="my-$1-$2" log="$scratch/$1-$2.log" count=1 begun at
    echo "== $1, $2"
    cd "$scratch"
    begun=$(seconds)
    at=$begun
    tribunal plugin new "$name" --lang "$1" --component "$2" --json > "$scratch/new.json"
    echo "$(since "$at")  tribunal plugin new $name --lang $1 --component $2"
    while IFS= read -r command; do
        at=$(seconds)
        count=$((count + 1))
        if [[ $command == cd\ * ]]; then
            cd "${command#cd }"
        elif ! eval "$command" > "$log" 2>&1; then
            echo "$(since "$at")  $command  FAILED"
            cat "$log"
            failed=1
            return
        fi
        echo "$(since "$at")  $command"
    done < <(python3 -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))["next"]))' "$scratch/new.json")
    local source
    source=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["source"])' "$scratch/new.json")
    summary+=$(printf '%-8s %-10s %d commands %s  %3d own lines' \
        "$1" "$2" "$count" "$(since "$begun")" "$(own_lines "$source")")$'\n'
}

for component in source generator suite; do
    follow rust "$component"
done
follow c source
follow cpp source
for component in source generator suite; do
    follow python "$component"
done

echo
echo "== from an empty folder to a report"
printf '%s' "$summary"
exit "$failed"
