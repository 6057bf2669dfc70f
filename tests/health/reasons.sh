#!/bin/sh
# docs/reasons.md is the table of common/reasons.h.
#   reasons.sh          compares them; exit 1 when they differ
#   reasons.sh --write  writes the page
set -u
cd "$(dirname "$0")/../.." || exit 2
page=docs/reasons.md
new=$(mktemp) || exit 2
trap 'rm -f "$new"' EXIT

# One row of the table per REASON(...), which may go over two lines; one heading per comment of a single line.
rows() {
    sed -n '/^\/\* Outcomes/,$p' common/reasons.h | sed -e ':a' -e '/^REASON.*[^)]$/{N;s/\n */ /;ba' -e '}' |
        sed -E \
            -e 's|^/\* (.*) \*/$|\n## \1\n\n\| reason \| class \| what the user reads \| what the operator does \|\n\|---\|---\|---\|---\||' \
            -e 's/^REASON\(([A-Z_0-9]+), ([A-Z]+), "(.*)", "(.*)"\)$/| `\L\1\E` | \L\2\E | \3 | \4 |/'
}

cat >"$new" <<'EOT'
# Reasons

Every decision and every error has one reason out of this list. Records, `gatewayctl explain`, `gatewayctl status` and
the log show its name; a denied user reads the sentence and a decision id; the last column is where an operator
looks first (ID is the decision id, C a file with the certificate).

`allow`: the request was granted, or ended in order. `deny`: the requester lacks a right. `fault`: the gateway lacks
something that it needs, and denies for that.

This page is made from `common/reasons.h` by `tests/health/reasons.sh --write`.
EOT
rows >>"$new"
if grep -q '^REASON' "$new"; then
    echo "reasons: a row of common/reasons.h is not understood:" && grep '^REASON' "$new"
    exit 1
fi
[ "$(grep -c '^| `' "$new")" -eq "$(grep -c '^REASON(' common/reasons.h)" ] || {
    echo "reasons: rows were lost"
    exit 1
}
if [ "${1:-}" = --write ]; then
    cp "$new" "$page"
elif cmp -s "$new" "$page"; then
    echo "reasons: ok"
else
    diff "$page" "$new"
    echo "reasons: run tests/health/reasons.sh --write"
    exit 1
fi
