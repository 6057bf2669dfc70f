#!/usr/bin/env bash
# Floods of ClientHellos from one source and from 200, garbage, thousands of silent and of slow connections: a good client
# beside them goes on being served, no process ends, and memory is given back. tests/bench/flood.sh measures it.
HOUSE_ECHO=unix:/run/house-echo/echo.sock
. "$(dirname "$0")/lib.sh"
promise "a flood at the door takes nothing from those who have a certificate"
FLOOD=$MTLS_BUILT/tests/flood
install -d /run/house-echo
"$MTLS_BUILT/tests/load" serve /run/house-echo/echo.sock &
within 2000 chmod 666 /run/house-echo/echo.sock
house_up
sed -i '/max_handshakes_per_source/d' "$HOUSE_CONF" && gatewayctl reload >/dev/null
edges=$(gw_pids edge '[0-9]*')
# shellcheck disable=SC2046 # a list of paths
rss() { awk '/VmRSS/ {n += $2} END {print n + 0}' /dev/null $(gw_pids edge '[0-9]*' | sed 's,.*,/proc/&/status,'); }
value() { printf '%s\n' "$1" | grep -oE "\\b$2=-?[0-9.]+" | cut -d= -f2; }

# serves NAME NET PART KIND OPTIONS...: of the logins that a client of NET tries in 4 seconds, PART percent come through,
# none later than the 5 seconds that it waits.
serves() {
    local name=$1 net=$2 part=$3 line good all
    shift 3
    "$FLOOD" attack "$@" --net 127.9.0.0 --port "$GW_PORT" --name echo.example.test --seconds 6 >/tmp/attack 2>&1 &
    local attack=$!
    sleep 1
    line=$("$FLOOD" good --port "$GW_PORT" --net "$net" --cert "$CERTS/alice.pem" --key "$CERTS/alice.key" --ca "$CERTS/ca.pem" \
        --name echo.example.test --seconds 4)
    wait $attack
    good=$(value "$line" logins)
    all=$((good + $(value "$line" failed)))
    if [ "$good" -gt 10 ] && [ $((good * 100)) -ge $((all * part)) ]; then
        good "$name: $good of $all ($(value "$(cat /tmp/attack)" opened) connections of the flood)"
    else
        bad "$name: $line"
    fi
}

serves "alone" 127.0.7.0 100 silent --rate 1 --hold 1
before=$(rss)
serves "beside 2,000 ClientHellos a second from one source" 127.0.7.0 99 hello --sources 1 --rate 2000 --hold 3000
serves "beside 2,000 ClientHellos a second from 200 sources" 127.0.7.0 99 hello --sources 200 --rate 2000 --hold 3000
serves "beside ClientHellos whose senders are gone" 127.0.7.0 99 abandon --sources 200 --rate 2000 --hold 3000
serves "from where the flood itself comes, most of the time" 127.9.0.0 60 hello --sources 1 --rate 1000 --hold 3000
serves "beside half handshakes from 2,000 sources, more than there are places" 127.0.7.0 97 stalled --sources 2000 --rate 2000 --hold 6000
serves "beside 8,000 silent connections" 127.0.7.0 97 silent --sources 2000 --rate 3000 --hold 8000
serves "beside 4,000 connections that say one octet a second" 127.0.7.0 99 slow --sources 2000 --rate 4000 --hold 4000
serves "beside garbage" 127.0.7.0 99 garbage --sources 2000 --rate 4000 --hold 2000

sleep 3
OUT=$(gw_pids edge '[0-9]*')
if [ "$OUT" = "$edges" ]; then good "the same edges as before"; else bad "edges $edges became $OUT"; fi
grown=$(($(rss) - before))
most=10240
grep -q __asan_init /usr/sbin/gatewayd && most=4194304 # which keeps what is freed, to find its uses
if [ $grown -lt $most ]; then good "memory has come back but for $grown KiB"; else bad "$grown KiB are kept"; fi
OUT=$(records | jq -s 'map(select(.reason_code == "too_many_handshakes") | .count) | add > 1000')
expect "what was dropped is counted" '^true$'
OUT=$(records | grep -c '"ev":"deny"')
if [ "$OUT" -lt 3000 ]; then good "in $OUT records"; else bad "there are $OUT records"; fi
done_with_it
