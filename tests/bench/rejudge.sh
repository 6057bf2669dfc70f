#!/usr/bin/env bash
# 50,000 live sessions judged again after changes: CPU of decide, longest turn of its loop, who ends.
set -eu
exec "$MTLS_BUILT/tests/bench_rejudge" "$@"
