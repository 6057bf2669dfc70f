#!/usr/bin/env bash
# What HTTP costs beside plain octets: CPU of the edges per GB both ways through the same service, once with
# `protocol = "tcp"` and once with "http". A part of tests/bench/run; alone: MTLS_BUILT=build/release tests/bench/http.sh
. "$(dirname "$0")/../system/lib.sh"
HOUSE_EDGES=1
SIZE=${SIZE:-1073741824}
house_up
free_port
python3 "$TOP/tests/system/http_upstream.py" "$PORT" >>"$DIR/log/http.log" 2>&1 &
within 5000 listening "$PORT" || die "the upstream does not listen"
sed -i "/^service \"web\"/,/^}/ s/upstream *=.*/upstream = \"127.0.0.1:$PORT\"/" "$HOUSE_CONF"
gatewayctl reload >/dev/null || die "no reload"

# Milliseconds of CPU that the edge has used.
used() { sed "s/.*) //" "/proc/$(gw_pids edge 0)/stat" | awk -v tick="$(getconf CLK_TCK)" "{print (\$12 + \$13) * 1000 / tick}"; }
web() {
    laptop curl -sS --max-time 300 --http1.1 --resolve "web.example.test:$GW_PORT:127.0.0.1" --cacert "$CERTS/ca.pem" \
        --cert "$CERTS/alice.pem" --key "$CERTS/alice.key" "https://web.example.test:$GW_PORT$1" "${@:2}"
}
# figure NAME: CPU of what follows, per GB
figure() {
    local name=$1 before after
    before=$(used)
    "${@:2}" || die "$name: no transfer"
    after=$(used)
    awk -v name="$name" -v ms="$((after - before))" -v size="$SIZE" 'BEGIN {printf "figure %s %.0f ms/GB -\n", name, ms * 1e9 / size}'
}
down() { web "/download/$SIZE" -o /dev/null; }
up() { head -c "$SIZE" /dev/zero | web /up -T - -H "Content-Length: $SIZE" -H 'Transfer-Encoding:' -o /dev/null; }
requests() { web "/[1-5000]" -o /dev/null; }
for round in 1 2 3; do
    for protocol in tcp http; do
        sed -i "/^service \"web\"/,/^}/ { /protocol/d; s/upstream *=.*/&\n    protocol = \"$protocol\"/ }" "$HOUSE_CONF"
        gatewayctl reload >/dev/null || die "no reload"
        figure "http.$protocol.down.$round" down
        figure "http.$protocol.up.$round" up
        before=$(used)
        requests || die "no requests"
        awk -v name="http.$protocol.request.$round" -v ms="$(($(used) - before))" 'BEGIN {printf "figure %s %.1f us -\n", name, ms * 1000 / 5000}'
    done
done
