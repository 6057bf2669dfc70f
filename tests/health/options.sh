#!/bin/sh
# The option lists of the documents are those of the program.
#   options.sh GATEWAYD          compares gatewayd.conf(5) with `gatewayd --describe-options=mdoc`; exit 1 when it differs
#   options.sh --write GATEWAYD  writes it
set -u
cd "$(dirname "$0")/../.." || exit 2
page=gatewayd/gatewayd.conf.5
write=
[ "${1:-}" != --write ] || { write=1; shift; }
program=${1:-build/asan/gatewayd/gatewayd}
new=$(mktemp) || exit 2
trap 'rm -f "$new"' EXIT
sed -n '1,/^\.\\" options begin/p' "$page" >"$new"
"$program" --describe-options=mdoc >>"$new" || exit 2
sed -n '/^\.\\" options end/,$p' "$page" >>"$new"
if [ -n "$write" ]; then
    cp "$new" "$page"
elif cmp -s "$new" "$page"; then
    echo "options: ok"
else
    diff "$page" "$new"
    echo "options: run tests/health/options.sh --write $program"
    exit 1
fi
