#!/usr/bin/env bash
# gatewayd beside haproxy in one run of the data-plane bench: quotients of medians over ROUNDS=3. The bench itself (load
# generator, peers) is not part of this tree: DATAPLANE_BENCH names its folder. Needs two cores and a quiet machine.
TOP=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
export MTLS_BUILT=${MTLS_BUILT:-$TOP/build/release}
DATAPLANE_BENCH=${DATAPLANE_BENCH:-$TOP/../shared/bench/dataplane}
[ -x "$DATAPLANE_BENCH/run.sh" ] || { echo "no data-plane bench in $DATAPLANE_BENCH: set DATAPLANE_BENCH" >&2 && exit 1; }
command -v haproxy >/dev/null || { echo "haproxy is not installed: $DATAPLANE_BENCH/setup.sh" >&2 && exit 1; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cp -r "$DATAPLANE_BENCH" "$work/bench" && cp "$TOP/tests/bench/dataplane/gatewayd.sh" "$work/bench/peers/" || exit 1

measure() { # RAW [NAME=VALUE...]
    local raw=$1
    shift
    env "$@" RAW_OUT="$raw" BUDGET="${BUDGET:-900}" "$work/bench/run.sh" haproxy gatewayd >"$work/report.md" 2>"$work/progress" ||
        { tail -n 5 "$work/progress" >&2 && return 1; }
    cat "$work/report.md"
}
median() { # RAW PEER LABEL KEY
    awk -v peer="$2" -v label="$3" -v key="$4" '$2 == peer && $3 == label {
        for (i = 4; i <= NF; i++) if (split($i, part, "=") == 2 && part[1] == key) print part[2] + 0 }' "$1" |
        sort -n | awk '{ value[NR] = $1 } END { if (NR) print (value[int((NR + 1) / 2)] + value[int((NR + 2) / 2)]) / 2 }'
}
quotient() { # NAME GOAL LABEL KEY
    local ours theirs
    ours=$(median "$work/raw" gatewayd "$3" "$4") theirs=$(median "$work/raw" haproxy "$3" "$4")
    awk -v name="$1" -v goal="$2" -v a="$ours" -v b="$theirs" \
        'BEGIN { if (a > 0 && b > 0) printf "figure %s %.3f x %s\n# %s: %s against %s of haproxy\n", name, a / b, goal, name, a, b
                 else printf "figure %s - x %s\n", name, goal }'
}
value() { # NAME GOAL UNIT LABEL KEY
    printf 'figure %s %s %s %s\n' "$1" "$(median "$work/raw" gatewayd "$4" "$5")" "$3" "$2"
}

measure "$work/raw" CRL_ENTRIES=20000 CONNS="${CONNS:-5000}" || exit 1
quotient dataplane.cpu_ecdsa '<=0.60' ecdsa-hs cpu_us
quotient dataplane.cpu_rsa '<=0.70' rsa-hs cpu_us
quotient dataplane.cpu_never_seen '<=0.70' ecdsa-fresh cpu_us
quotient dataplane.cpu_per_gb_up '<=0.85' up cpu_ms_per_gb
quotient dataplane.cpu_per_gb_down '<=0.85' down cpu_ms_per_gb
quotient dataplane.connect_p50 '<=0.85' lat p50_us
quotient dataplane.connect_p99 '<=1.00' lat p99_us
quotient dataplane.echo_p50 '<=1.00' lat rtt50_us
quotient dataplane.echo_p99 '<=1.00' lat rtt99_us
value dataplane.rss_per_idle_connection '<=22' KiB idle rss_kb_per_conn
value dataplane.idle_cpu '<=0.5' % idle idle_cpu_pct

# What a list of revoked certificates costs: against the same run without one. Certificates never seen, then a returning one.
plain=$(median "$work/raw" gatewayd ecdsa-fresh cpu_us)
with=$(median "$work/raw" gatewayd crl-hs cpu_us)
awk -v a="$with" -v b="$plain" 'BEGIN { if (b > 0) printf "figure dataplane.crl_20000_never_seen %.3f x <=1.10\n", a / b }'
measure "$work/raw2" CRL_ENTRIES=200000 ROUNDS=1 CONNS=100 >/dev/null || exit 1
plain=$(median "$work/raw2" gatewayd ecdsa-fresh cpu_us)
with=$(median "$work/raw2" gatewayd crl-hs cpu_us)
awk -v a="$with" -v b="$plain" 'BEGIN { if (b > 0) printf "figure dataplane.crl_200000_never_seen %.3f x <=1.10\n", a / b }'
