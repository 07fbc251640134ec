#!/bin/sh
# Build or refresh .venv in the current folder so that it holds exactly what requirements.lock says, and calprod itself.
#
# Needs a shell and any Python 3 that has pip (or venv). uv does the rest; it is pinned, with hashes, in uv.txt beside
# this script, and the build backend in build.txt. Where no Python 3.12 or 3.13 is found, uv brings one.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
pin=$here/uv.txt
venv=$(pwd)/.venv

# pip as root in a scratch folder harms nothing; older ones do not know the option, but bear the variable.
export PIP_ROOT_USER_ACTION=ignore

say() { printf 'calprod: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

[ -f requirements.lock ] || fail "no requirements.lock in $(pwd) — run 'make venv' from the project's top folder"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/calprod-bootstrap.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP PIPE

# Two makes at the same time: the second waits, then finds everything in place. Where flock is missing they may do
# the same work twice, which uv bears.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$(pwd)/.venv.lock"
    flock 9
fi

# Put the pinned uv into the scratch folder with the pip of the Python given. --target keeps a system Python that is
# marked "externally managed" untouched.
uv_with() {
    "$1" -m pip --version >/dev/null 2>&1 || return 1
    "$1" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        --target "$scratch/uv" -r "$pin" >&2 || return 1
    uv=$scratch/uv/bin/uv
}

python=$("$here/find_python.sh") || { [ $? -eq 1 ] || exit 1; python=; }

# An environment whose Python has gone goes too, before its uv is asked for anything.
"$venv/bin/python" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 14))' 2>/dev/null ||
    rm -rf "$venv"

wanted=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' "$pin")
uv=$venv/bin/uv
case "$("$uv" --version 2>/dev/null || true)" in
"uv $wanted"*) ;;
*)
    say "fetching uv $wanted"
    any=${python:-$(command -v python3 || command -v python || true)}
    [ -n "$any" ] || fail "no Python 3 at all on PATH — install one, or name one in CALPROD_PYTHON"
    if ! uv_with "$any"; then
        # A Python without pip, as Debian ships it, may still make a virtual environment that has one.
        "$any" -m venv "$scratch/venv" >/dev/null 2>&1 && uv_with "$scratch/venv/bin/python" ||
            uv_with "$(command -v python3 || echo python3)" ||
            fail "$any could not install uv with pip — see the message above; pip (or python3-venv) and the package index must be reachable"
    fi
    ;;
esac

if [ -z "$python" ] && [ ! -d "$venv" ]; then
    say "no Python 3.12 or 3.13 found (CALPROD_PYTHON, PATH, pyenv): uv downloads one"
    "$uv" python install 3.12 >&2 ||
        fail "uv could not download Python 3.12 — install Python 3.12 or 3.13 by other means and name it in CALPROD_PYTHON"
    python=$("$uv" python find --no-project 3.12)
fi

if [ ! -d "$venv" ]; then
    say "making .venv with $python"
    "$uv" venv --quiet --no-project --python "$python" --prompt calprod "$venv"
fi

say "installing requirements.lock into .venv"
# uv and the build backend stay in the environment: for the next refresh, 'make lock', and builds without isolation,
# which would fetch the backend unchecked.
"$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes --compile-bytecode \
    requirements.lock "$pin" "$here/build.txt"
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
say "ready: $("$venv/bin/python" --version), .venv/bin/calprod"
