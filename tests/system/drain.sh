#!/usr/bin/env bash
# Promise: a gateway that drains refuses new clients at once, ends no session, and ends itself with the last one; a limit
# or the operator's word ends what is left.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
promise "a drain lets nobody in, ends nobody, and ends with the last session"
house_up

hold() { # a login that echoes what it is told until its input ends
    rm -f /tmp/in && mkfifo /tmp/in && : >/tmp/out
    ssh_as alice alice@ssh.example.test 'echo up; exec cat' </tmp/in >/tmp/out 2>&1 &
    HELD=$!
    exec 9>/tmp/in
    if within 10000 grep -q up /tmp/out; then good "a login is there"; else bad "no login: $(cat /tmp/out)"; fi
}
drain() {
    gatewayctl drain "$@" >/tmp/drain 2>&1 9>&- &
    DRAIN=$!
}
refused() { ! (exec 3<>"/dev/tcp/127.0.0.1/$GW_PORT") 2>/dev/null; }
daemon_gone() { ! kill -0 "$GATEWAYD" 2>/dev/null; }
ended_well() { # WHAT
    wait "$GATEWAYD"
    local status=$?
    if [ "$status" = 0 ]; then good "$1: the daemon ends with 0"; else bad "$1: the daemon ends with $status"; fi
    wait "$DRAIN"
    status=$?
    if [ "$status" = 0 ]; then good "$1: and gatewayctl says so"; else bad "$1: gatewayctl drain: $status, $(cat /tmp/drain)"; fi
}

hold
drain
if within 1000 refused; then good "clients are refused at once"; else bad "clients are still let in"; fi
if within 2000 grep -q '1 session left' /tmp/drain; then good "it says how many are left"; else bad "it says: $(cat /tmp/drain)"; fi
OUT=$(gatewayctl --json status | jq -c .draining)
expect "status says that it drains" true
echo still-here >&9
if within 2000 grep -q still-here /tmp/out; then good "the session goes on"; else bad "the session is gone"; fi
if daemon_gone; then bad "the daemon did not wait"; else good "the daemon waits for it"; fi
exec 9>&-
if within 8000 daemon_gone; then good "it ends with the last session"; else bad "it lives on"; fi
ended_well "the last session"
wait "$HELD"

gateway_start || bad "no start after a drain"
hold
drain --timeout 2s
sleep 1
if daemon_gone; then bad "the limit came too early"; else good "within its limit the session goes on"; fi
if within 6000 daemon_gone; then good "a limit ends the session"; else bad "the limit is none"; fi
ended_well "the limit"
exec 9>&-
wait "$HELD"

gateway_start || bad "no start after a drain with a limit"
hold
drain --now
if within 4000 daemon_gone; then good "--now ends it at once"; else bad "--now does not end it"; fi
ended_well "--now"
exec 9>&-
wait "$HELD"

run gatewayctl audit verify
expect "the audit log is whole" .
OUT=$(comm -3 <(jq -r 'select(.ev=="open") | .sid' "$HOUSE_AUDIT"/*.jsonl | sort -u) <(jq -r 'select(.ev=="close") | .sid' "$HOUSE_AUDIT"/*.jsonl | sort -u) | wc -l)
expect "every open record has its close" '^0$'
done_with_it
