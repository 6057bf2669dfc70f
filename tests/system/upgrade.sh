#!/usr/bin/env bash
# shellcheck disable=SC2015,SC2034,SC1083,SC2086,SC2093 # good and bad never fail; {FD} is bash's own form
# Promise: another program takes over, newer or older, and nobody notices: live sessions go on, no client is refused,
# what is recorded is whole, and who loses a right still ends at once, in an old edge too.
#
#   tests/system/upgrade.sh [LOGINS [HELD [RATE [SECONDS]]]]
#
# so many real logins by ssh (100 take a minute to begin; each needs some 15 MiB), so many sessions of echo held, so
# many new connections a second all the time.
HOUSE_ECHO=unix:/run/house-echo/echo.sock
. "$(dirname "$(readlink -f "$0")")/lib.sh"
promise "an upgrade and a downgrade cost no session and refuse no client"
SSH=${1:-40} HOLD=${2:-960} RATE=${3:-200} LASTS=${4:-45}
LOAD=$MTLS_BUILT/tests/load
NEXT=$MTLS_BUILT/tests/gatewayd_next
LOG=$DIR/log/gatewayd.log

install -d /run/house-echo
"$LOAD" serve /run/house-echo/echo.sock &
within 2000 chmod 666 /run/house-echo/echo.sock
house_up
install -m 755 "$NEXT" /usr/sbin/gatewayd-next

# The pipes of a login: what goes in comes out again as long as the session lives.
login() { # NUMBER USER
    mkfifo "/tmp/in.$1"
    ssh_as "$2" "$2@ssh.example.test" 'echo up; exec cat' <"/tmp/in.$1" >"/tmp/out.$1" 2>&1 &
    exec {HELD[$1]}>"/tmp/in.$1"
}
HELD=()
for ((I = 1; I <= SSH; I++)); do
    if [ $((I % 20)) = 1 ]; then WHO=alice; else WHO=carol; fi
    login "$I" "$WHO"
    [ $((I % 8)) != 0 ] || within 20000 grep -q up "/tmp/out.$I"
done
all_up() { [ "$(cat /tmp/out.* | grep -c '^up')" = "$SSH" ]; }
if within 30000 all_up; then good "$SSH logins"; else bad "only $(cat /tmp/out.* | grep -c '^up') of $SSH logins"; fi

# The rest of the live sessions, and new ones all the time: each opens, writes a line and waits for its echo.
"$LOAD" run --port "$GW_PORT" --cert "$CERTS/carol.pem" --key "$CERTS/carol.key" --ca "$CERTS/ca.pem" \
    --name echo.example.test --hold "$HOLD" --rate "$RATE" --seconds "$LASTS" >/tmp/load &
LOADING=$!
live() { gatewayctl --json status | jq .sessions.live; }
enough() { [ "$(live)" -ge $((SSH + HOLD)) ]; }
if within 30000 enough; then good "$((SSH + HOLD)) sessions are live"; else bad "only $(live) sessions are live"; fi

echoes() { # WHAT: every login says what it is told now
    local i
    ROUND=$((${ROUND:-0} + 1))
    for ((i = 1; i <= SSH; i++)); do
        [ -n "${GONE[$i]:-}" ] || echo "round $ROUND" >&"${HELD[$i]}"
    done
    all_echo() { [ "$(cat /tmp/out.* | grep -c "^round $ROUND$")" = "$(($(printf '%s\n' "${!HELD[@]}" | wc -l) - ${#GONE[@]}))" ]; }
    if within 5000 all_echo; then good "$1: every login goes on"; else
        bad "$1: $(cat /tmp/out.* | grep -c "^round $ROUND$") logins go on"; fi
}
declare -A GONE=()

run gatewayctl upgrade --binary /usr/sbin/gatewayd-next
expect "a program with another table of messages takes over" upgraded
echoes "after the upgrade"
OUT=$(gatewayctl --json status | jq -r '[.processes[] | select(.retired_ms)] | "\(length) \(map(.sessions_left) | add)"')
expect "status shows two old edges with their sessions" "^2 [0-9]*"
run ssh_as alice alice@ssh.example.test 'echo new; id -un'
expect "a new login works" alice

# Sessions of the old edges are still judged: alice's end, carol's stay.
gatewayctl lock add user alice --message "lost her laptop" >/dev/null
for ((I = 1; I <= SSH; I += 20)); do GONE[$I]=1; done
alice_is_out() { [ "$(gatewayctl --json sessions list --user alice | jq length)" = 0 ]; }
if within 1500 alice_is_out; then good "a lock ends the sessions in old edges"; else bad "a lock did not end the sessions in old edges"; fi
echoes "after the lock"
gatewayctl lock remove user alice >/dev/null

run gatewayctl upgrade --binary /usr/sbin/gatewayd
expect "and the program before takes over again" upgraded
echoes "after the downgrade"

# Signals, and what cannot take over.
run gatewayctl upgrade --binary /bin/true
expect "a program that does not understand is refused" 'refuses this configuration'
run gatewayctl upgrade --binary /etc/hostname
expect "a file that is no program is refused" 'refuses this configuration'
install -m 777 "$NEXT" /usr/sbin/gatewayd-open && chmod 777 /usr/sbin/gatewayd-open
run gatewayctl upgrade --binary /usr/sbin/gatewayd-open
expect "a program that others may change is refused" 'may be written|unsafe|others'
echoes "after refusals"

wait "$LOADING"
STATUS=$?
OUT=$(cat /tmp/load)
if [ "$STATUS" = 0 ]; then good "no connection was refused or lost: $OUT"; else bad "connections were lost: $OUT"; fi
for ((I = 1; I <= SSH; I++)); do exec {HELD[$I]}>&-; done
gone() { [ "$(gatewayctl --json status | jq '[.processes[] | select(.retired_ms)] | length')" = 0 ]; }
if within 15000 gone; then good "old edges end with their last session"; else bad "old edges live on: $(gatewayctl --json status | jq -c '[.processes[] | select(.retired_ms)]')"; fi
run gatewayctl audit verify
expect "the audit log is whole" .
[ "$RC" = 0 ] && good "audit verify: $RC" || bad "audit verify: $RC"
opens() { cat "$HOUSE_AUDIT"/*.jsonl | jq -r "select(.ev==\"$1\") | .sid" | sort -u; }
OUT=$(comm -3 <(opens open) <(opens close) | wc -l)
expect "every open record has its close" '^0$'
done_with_it
