#!/usr/bin/env bash
# What a connection and a change of the directory cost with 10 and with 100,000 users.
set -eu
exec "$MTLS_BUILT/tests/bench_users" "$@"
