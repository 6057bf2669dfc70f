#!/usr/bin/env bash
# HOLD=2000 sessions at the same time and RATE=300 new connections a second for SECONDS_LONG=60, without an error; then
# memory and descriptors of every process are back at their level.
HOUSE_ECHO=unix:/run/house-echo/echo.sock
. "$(dirname "$(readlink -f "$0")")/../system/lib.sh"
HOLD=${HOLD:-2000} RATE=${RATE:-300} SECONDS_LONG=${SECONDS_LONG:-60}
LOAD=$MTLS_BUILT/tests/load
install -d /run/house-echo
"$LOAD" serve /run/house-echo/echo.sock &
within 2000 chmod 666 /run/house-echo/echo.sock
house_up

load() { # HOLD RATE SECONDS
    "$LOAD" run --port "$GW_PORT" --cert "$CERTS/alice.pem" --key "$CERTS/alice.key" --ca "$CERTS/ca.pem" \
        --name echo.example.test --hold "$1" --rate "$2" --seconds "$3"
}
levels() { # one line a process: name, KiB, descriptors
    local pid
    for pid in $(pgrep -f '^gatewayd: ' | sort -n) "$GATEWAYD"; do
        printf '%s\t%s\t%s\n' "$(tr '\0' ' ' <"/proc/$pid/cmdline" | sed 's/^gatewayd: //; s/ *$//; s,^gatewayd -c.*,parent,; s,^/.*,parent,; s/ /_/g' | cut -c1-20)" \
            "$(awk '/VmRSS/ {print $2}' "/proc/$pid/status")" "$(find "/proc/$pid/fd" -mindepth 1 | wc -l)"
    done
}
# The allocator's own level is reached by a first round of the same height.
load "$HOLD" "$RATE" 5 || true
sleep 3
levels >/tmp/before
OUT=$(load "$HOLD" "$RATE" "$SECONDS_LONG")
RC=$?
sleep 5
levels >/tmp/after
printf '%s\n' "$OUT"
value() { printf '%s\n' "$OUT" | grep -oE "\\b$1=[0-9.]+" | cut -d= -f2; }
printf 'figure soak.held %s sessions >=%s\n' "$(value held)" "$HOLD"
printf 'figure soak.new_connections %s - >=%s\n' "$(value opened)" $((RATE * SECONDS_LONG))
printf 'figure soak.failed %s - <=0\n' "$(value failed)"
printf 'figure soak.connect_to_echo_p50 %s ms -\n' "$(value p50_ms)"
printf 'figure soak.connect_to_echo_p99 %s ms -\n' "$(value p99_ms)"
paste /tmp/before /tmp/after | awk -F'\t' '{
    printf "figure soak.%s.rss_growth %d KiB <=2048\n", $1, $5 - $2
    printf "figure soak.%s.descriptors_left %d - <=0\n", $1, $6 - $3
}'
cat /tmp/before /tmp/after
run gatewayctl audit verify
printf 'figure soak.audit_verify_status %d - <=0\n' "$RC"
exit 0
