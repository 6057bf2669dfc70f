#!/bin/sh
# docs/audit.md lists every field of the audit record, and no other.
cd "$(dirname "$0")/../.." || exit 2
fields=$(sed -n 's/^AUDIT_FIELD("\([^"]*\)".*/\1/p' gatewayd/shared/audit_fields.h)
listed=$(sed -n '/^## Lines/,/^### Events/s/^| `\([^`]*\)` |.*/\1/p' docs/audit.md)
[ "$fields" = "$listed" ] && echo "docs/audit.md: $(echo "$fields" | wc -l) fields" && exit 0
echo "docs/audit.md and gatewayd/shared/audit_fields.h differ:"
echo "$fields" >"${TMPDIR:-/tmp}/fields.$$"
echo "$listed" | diff "${TMPDIR:-/tmp}/fields.$$" -
rm -f "${TMPDIR:-/tmp}/fields.$$"
exit 1
