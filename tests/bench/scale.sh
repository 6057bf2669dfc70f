#!/usr/bin/env bash
# What a session costs decide beside ten and beside 20,000 others: CPU, memory, idle CPU.
set -eu
exec "$MTLS_BUILT/tests/bench_scale" "$@"
