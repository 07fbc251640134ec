#!/bin/sh
# Print the path of a Python that calprod can run on (3.12 or 3.13), or nothing and status 1.
#
# Every candidate is run, not only looked for: a version manager's shim may stand on PATH and
# answer "command not found", and a Python without the ssl or sqlite3 module is of no use here.
set -u

runs_calprod() {
    "$1" -c 'import sys, ssl, sqlite3, ctypes; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 14))' \
        >/dev/null 2>&1
}

if [ -n "${CALPROD_PYTHON:-}" ]; then
    if runs_calprod "$CALPROD_PYTHON"; then
        command -v "$CALPROD_PYTHON"
        exit 0
    fi
    echo "CALPROD_PYTHON=$CALPROD_PYTHON is not a working Python 3.12 or 3.13 — unset it, or name another" >&2
    exit 2
fi

for name in python3.12 python3.13 python3; do
    if runs_calprod "$name"; then
        command -v "$name"
        exit 0
    fi
done

for version in 3.12 3.13; do
    for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python3; do
        if runs_calprod "$python"; then
            printf '%s\n' "$python"
            exit 0
        fi
    done
done
exit 1
