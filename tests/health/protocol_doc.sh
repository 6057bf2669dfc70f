#!/bin/sh
# docs/protocol.md lists each request, reply and field of common/protocol_rows.h with its number.
# usage: protocol_doc.sh SOURCE_DIR
set -eu
rows=$1/common/protocol_rows.h doc=$1/docs/protocol.md
failed=0

# has LINE-START
has() {
    grep -qF "$1" "$doc" || {
        echo "docs/protocol.md has no line beginning with: $1" >&2
        failed=1
    }
}

listed=$(sed -n -E \
    -e 's/^REQUEST\(([A-Z_]+), ([0-9]+), ([A-Z]+),.*/| \1 | \2 | \L\3\E |/p' \
    -e 's/^REPLY\(([A-Z_]+), ([0-9]+)\).*/| \1 | \2 |/p' \
    -e 's/^FIELD\(([0-9]+), ([a-z_]+), ([A-Z]+),.*/| \1 | \2 | \3 |/p' "$rows")
[ "$(printf '%s\n' "$listed" | wc -l)" -gt 50 ] || failed=1
while IFS= read -r line; do
    has "$line"
done <<EOT
$listed
EOT
exit $failed
