#!/usr/bin/env bash
# A process without free descriptors serves whom it has; others wait; it lives, hears of a new neighbour, and recovers.
HOUSE_EDGES=1
. "$(dirname "$0")/lib.sh"
promise "without free descriptors the gateway degrades and nothing dies"
house_up
FLOOD=$MTLS_BUILT/tests/flood
edge=$(gw_pids edge 0) decide=$(gw_pids decide)
highest() { find "/proc/$1/fd" -mindepth 1 -printf '%f\n' | sort -n | tail -n 1; }
# limit PID USER N: its soft limit, set by its own user (root may lack CAP_SYS_RESOURCE)
limit() { setpriv --reuid="$2" --regid="$2" --clear-groups prlimit --pid "$1" --nofile="$3:"; }
enough() { ulimit -Hn; }
echoes() { # TEXT: alice's live session says it back
    local back
    echo "$1" >&"${LIVE[1]}"
    read -r -t 3 -u "${LIVE[0]}" back
    [ "$back" = "$1" ]
}
logs_in() { OUT=$(echo hello | laptop timeout "$1" mtls connect echo.example.test 2>&1); }

coproc LIVE { cmd_mtls_as alice connect echo.example.test && "${CMD[@]}"; }
within 5000 echoes first
good "alice has a live session"
logs_in 5 # everything that is loaded once is there

# --- the edge
limit "$edge" gatewayd-edge $(($(highest "$edge") + 20))
"$FLOOD" attack silent --port "$GW_PORT" --net 127.9.0.0 --sources 50 --rate 500 --hold 200 --seconds 8 >/tmp/silent 2>&1 &
flood=$!
sleep 2
check "its live session goes on" echoes beside
OUT=$(grep -c 'error event=accept_failed' "$DIR/log/gatewayd.log")
expect "the log says it once" '^1$'
logs_in 2
refute "a new client waits" '^hello$'
kill -KILL "$decide"
within 5000 gatewayctl status >/dev/null
check "and is still there after a restart of decide" within 5000 echoes restarted
wait $flood
logs_in 5
expect "when the others have gone, who waits is served" '^hello$'
OUT=$(gw_pids edge 0)
expect "by the same edge" "^$edge\$"
limit "$edge" gatewayd-edge "$(enough)"
check "the live session has seen all of it" echoes all

# --- decide
decide=$(gw_pids decide)
limit "$decide" gatewayd-decide $(($(highest "$decide") + 1))
logs_in 5
refute "decide without descriptors lets nobody in" '^hello$'
check "and ends nobody" echoes still
limit "$decide" gatewayd-decide "$(enough)"
logs_in 5
expect "it recovers" '^hello$'

# --- parent
limit "$GATEWAYD" root "$(highest "$GATEWAYD")"
kill -KILL "$(gw_pids key)"
sleep 1
check "a parent that can start nothing ends nobody" echoes parent
limit "$GATEWAYD" root "$(enough)"
within 10000 test -n "$(gw_pids key)"
for _ in $(seq 10); do logs_in 3; [ "$OUT" = hello ] && break; sleep 0.5; done
expect "and starts it when it can" '^hello$'
OUT=$(gw_pids edge 0)
expect "it is still the same edge" "^$edge\$"
kill "$LIVE_PID"
# The kills were ours.
sed -i '/signal=9/d' "$DIR/log/gatewayd.log"
done_with_it
