#!/bin/sh
# Install what calprod's tests use from Debian where it is absent: a browser and a PostgreSQL server.
#
# Only as root, only where apt-get exists. Otherwise say what is missing; the tests that need it skip.
set -u

missing=
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
    echo "calprod: not installed:$missing. Tests that need them skip; to run them too: sudo apt-get install$missing" >&2
    exit 0
fi

echo "calprod: apt-get install$missing" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
if { apt-get -q update && apt-get -qy install --no-install-recommends $missing; } </dev/null >"$log" 2>&1; then
    exit 0
fi
tail -n 20 "$log" >&2
echo "calprod: could not install$missing; the tests that need them skip" >&2
