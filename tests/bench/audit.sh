#!/usr/bin/env bash
# Records per second and time of a commit of the audit log, on the disk of the checkout (not a tmpfs).
set -eu
dir=$(mktemp -d "${TMPDIR:-build}/bench-audit.XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$MTLS_BUILT/tests/bench_audit" "$dir"
