#!/usr/bin/env bash
# Makes sure that a Python environment has the packages that a script needs, and prints its folder.
#
#     venv=$(scripts/ensure-venv.sh VARIABLE FOLDER MODULES PACKAGE...)
#
# The environment variable VARIABLE names an environment that exists already and is left as it is; without it FOLDER is made when it is
# missing. MODULES, `a, b.c`, is what has to be importable. Exit code 2 when the environment cannot be had.
set -euo pipefail

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 2
}

variable=$1 venv=${!1:-$2} modules=$3
shift 3
sound() { "$venv/bin/python" -c "import $modules" 2> /dev/null; }

if ! sound; then
    [ -z "${!variable:-}" ] ||
        fail "\`$venv\` cannot import $modules" "install $* there, or unset $variable"
    command -v python3 > /dev/null || fail "python3 is missing" "install Python 3.10 or newer with its module venv"
    echo "installing $* in $venv" >&2
    log=$venv.log
    mkdir -p "$(dirname "$log")"
    {
        python3 -m venv "$venv" && nice "$venv/bin/python" -m pip install --quiet "$@"
    } > "$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "the packages cannot be installed (whole output in $log)" \
            "check that pip can download packages and that what they build with is there, then start again"
    }
    sound || fail "the packages were installed and cannot be imported" "delete $venv and start again"
fi
echo "$venv"
