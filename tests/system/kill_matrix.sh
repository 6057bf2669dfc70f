#!/usr/bin/env bash
# kill -9 of each process under traffic: the others go on, it is back within a second, nobody gets in who should not,
# and no connection that moved bytes is without a record. The parent killed: everything ends.
. "$(dirname "$0")/lib.sh"
. "$TOP/etc/quickstart.d/tour.sh"
promise "a process that dies costs only what it held"
house_up

# Traffic: alice gets her echo again and again, every answer is one line in /tmp/allowed; bob, whom a rule denies, must
# never get one.
traffic() {
    local n=0
    while [ ! -e /tmp/stop ]; do
        n=$((n + 1))
        [ "$(echo "call $1 $n" | timeout 10 mtls connect echo.example.test 2>/dev/null)" = "call $1 $n" ] && echo "$1 $n" >>/tmp/allowed
    done
}
intruder() {
    while [ ! -e /tmp/stop ]; do
        answer=$(echo let me in | timeout 10 mtls connect --cert "$CERTS/bob.pem" --key "$CERTS/bob.key" echo.example.test 2>/dev/null)
        [ -z "$answer" ] || echo "$answer" >>/tmp/intruded
    done
}
touch /tmp/allowed && chown laptop /tmp/allowed
export -f traffic intruder
export CERTS
for n in 1 2 3; do laptop bash -c "traffic $n" & done
laptop bash -c intruder &

echoes() { [ "$(echo here | laptop timeout 5 mtls connect echo.example.test 2>/dev/null)" = here ]; }
back_with_another_pid() { # ROLE SLOT OLD
    local now
    now=$(gw_pids "$1" "$2")
    [ -n "$now" ] && [ "$now" != "$3" ]
}

# killed ROLE [SLOT]
killed() {
    local old
    old=$(gw_pids "$@")
    [ -n "$old" ] || {
        bad "there is no process '$*'"
        return
    }
    live_session || return
    kill -KILL "$old"
    if within 1000 back_with_another_pid "$1" "${2:-}" "$old"; then good "$*: back after $WITHIN ms"; else bad "$*: not back within a second"; fi
    if within 1500 echoes; then good "$*: serves $WITHIN ms later"; else bad "$*: does not serve again"; fi
    sleep 0.3
    if [ "$1" != edge ]; then
        if gone; then
            OUT=$(record_where ".ev == \"close\" and .sid == \"$LIVE_ID\"")
            bad "$*: the live session ended: $OUT"
        else
            good "$*: the live session goes on"
        fi
    fi
    kill "$LIVE" 2>/dev/null
    wait "$LIVE" 2>/dev/null
    within 3000 eval "[ -n \"\$(record_where '.ev == \"close\" and .sid == \"$LIVE_ID\"')\" ]" || bad "$*: no close record of $LIVE_ID"
}

killed spawn
killed key
killed directory
killed audit
killed decide
killed edge 0
killed edge 1
# What re-judges must work after the restarts as before.
live_session && {
    group_member delete ops alice >/dev/null
    ends "after all the restarts, out of the group" groups_changed
    group_member add ops alice >/dev/null
}

touch /tmp/stop
sleep 0.5
wait_done() { ! pgrep -u laptop -x mtls; }
within 12000 wait_done
n=$(wc -l </tmp/allowed)
if [ "$n" -gt 50 ]; then good "$n echoes came back meanwhile"; else bad "only $n echoes came back meanwhile"; fi
if [ ! -e /tmp/intruded ]; then good "bob never got an answer"; else bad "bob got an answer: $(head -n 1 /tmp/intruded)"; fi

# Every byte that moved has a record: at least as many open records for alice's echo as answers she got.
sleep 1
opens=$(record_count '.ev == "open" and .service == "echo"')
if [ "$opens" -ge "$n" ]; then good "$opens open records for $n answers"; else bad "only $opens open records for $n answers"; fi
unclosed() {
    records | jq -r 'select(.ev == "open" or .ev == "close") | [.sid, .ev] | @tsv' |
        awk '{seen[$1] = seen[$1] $2} END {for (s in seen) if (seen[s] !~ /close/) print s}'
}
if within 5000 eval '[ -z "$(unclosed)" ]'; then good "every open has its close"; else bad "opens without a close: $(unclosed | wc -l)"; fi
run gatewayctl audit verify
expect_rc "the log is whole" 0

# The parent: everything ends with it.
kill -KILL "$GATEWAYD"
wait "$GATEWAYD" 2>/dev/null
nothing_left() { ! pgrep -f '^gatewayd: '; }
if within 2000 nothing_left; then good "the parent killed: everything has ended"; else bad "left over: $(pgrep -af '^gatewayd: ')"; fi
if gateway_start; then good "and it starts again"; else bad "it does not start again"; fi
run gatewayctl audit verify
expect_rc "the log continues whole" 0
done_with_it
