#!/usr/bin/env bash
# A good client logs in again and again, alone and beside attacks on the door; each attack must leave it at least 90% of
# its logins, and those that only stand there must leave its p99 under twice the idle value. Memory is given back.
#   SECONDS_LONG=10 of each; ATTACKS="hello_1 ..." runs only these; GARBAGE=1000000 connections without TLS (100,000)
# The sources are addresses of 127/8; the limit of handshakes per source is the default.
HOUSE_ECHO=unix:/run/house-echo/echo.sock
# The world inside begins with an empty environment.
[ "${1:-}" = --inside ] || set -- "${SECONDS_LONG:-10}" "${GARBAGE:-100000}" "${ATTACKS:-}"
. "$(dirname "$(readlink -f "$0")")/../system/lib.sh"
SECONDS_LONG=$1 GARBAGE=$2 ATTACKS=$3
LOAD=$MTLS_BUILT/tests/load FLOOD=$MTLS_BUILT/tests/flood
STRANGERS=30 # records a second of refused strangers: 20, and one per reason and network of what was only counted
install -d /run/house-echo
"$LOAD" serve /run/house-echo/echo.sock &
within 2000 chmod 666 /run/house-echo/echo.sock
house_up
sed -i '/max_handshakes_per_source/d' "$HOUSE_CONF" && gatewayctl reload >/dev/null

# rss edge: KiB of all edges
# shellcheck disable=SC2046 # a list of paths
rss() { awk '/VmRSS/ {n += $2} END {print n + 0}' /dev/null $(gw_pids edge '[0-9]*' | sed 's,.*,/proc/&/status,'); }
# ticks: 1/100 s of processor time of all edges
# shellcheck disable=SC2046 # a list of paths
ticks() { awk '{n += $14 + $15} END {print n + 0}' /dev/null $(gw_pids edge '[0-9]*' | sed 's,.*,/proc/&/stat,'); }
denials() { records | grep -c '"ev":"deny"'; }
good() { # NET [SECONDS]: logins of the good client, on one line
    "$FLOOD" good --port "$GW_PORT" --net "$1" --cert "$CERTS/alice.pem" --key "$CERTS/alice.key" --ca "$CERTS/ca.pem" \
        --name echo.example.test --seconds "${2:-$SECONDS_LONG}"
}
value() { printf '%s\n' "$1" | grep -oE "\\b$2=-?[0-9.]+" | cut -d= -f2; }
attacker() { # KIND OPTIONS...
    case $1 in
    readers | chain) set -- "$@" --cert "$CERTS/alice.pem" --key "$CERTS/alice.key" --ca "$CERTS/ca.pem" ;;
    *) set -- attack "$@" ;;
    esac
    "$FLOOD" "$@" --port "$GW_PORT" --name echo.example.test --seconds "$ATTACK_LONG" >"/tmp/attack" 2>&1
}
# beside NAME NET P99_GOAL|double KIND OPTIONS...: the good client of NET beside an attack
beside() {
    local name=$1 net=$2 goal=$3 line idle before peak now records_before ticks_before
    shift 3
    case " $ATTACKS " in "  " | *" $name "*) ;; *) return ;; esac
    idle=$(good "$net") # the machine may have other work: measured each time
    [ "$goal" = - ] || goal="<=$(awk "BEGIN {print 2 * $(value "$idle" p99_ms)}")"
    before=$(rss) peak=$before records_before=$(denials) ticks_before=$(ticks)
    attacker "$@" &
    local attack=$!
    sleep 1
    good "$net" >/tmp/good &
    local logins=$!
    while kill -0 $logins 2>/dev/null; do
        now=$(rss)
        [ "$now" -le "$peak" ] || peak=$now
        sleep 0.3
    done
    line=$(cat /tmp/good)
    wait $attack
    now=$(ticks)
    printf 'figure flood.%s.edge_time %s us/conn -\n' "$name" $(((now - ticks_before) * 10000 / $(value "$(cat /tmp/attack)" opened)))
    sleep 3
    printf '%s: good %s | attack %s\n' "$name" "$line" "$(cat /tmp/attack)"
    printf 'figure flood.%s.logins_of_idle %s %% >=90\n' "$name" "$(awk "BEGIN {print int($(value "$line" logins) * 100 / $(value "$idle" logins))}")"
    printf 'figure flood.%s.p50 %s ms -\n' "$name" "$(value "$line" p50_ms)"
    printf 'figure flood.%s.p50_idle %s ms -\n' "$name" "$(value "$idle" p50_ms)"
    printf 'figure flood.%s.p99 %s ms %s\n' "$name" "$(value "$line" p99_ms)" "$goal"
    printf 'figure flood.%s.rate %s /s -\n' "$name" "$(awk "BEGIN {print int($(value "$(cat /tmp/attack)" opened) / $(value "$(cat /tmp/attack)" seconds))}")"
    printf 'figure flood.%s.rss_peak %s KiB -\n' "$name" $((peak - before))
    printf 'figure flood.%s.rss_kept %s KiB <=%s\n' "$name" $(($(rss) - FIRST)) $((FIRST / 10 + 2048))
    printf 'figure flood.%s.deny_records %s - <=%s\n' "$name" $(($(denials) - records_before)) $((STRANGERS * (ATTACK_LONG + 3) + 100))
}

good 127.0.7.0 3 >/dev/null # caches, the allocator
printf 'figure flood.idle.rss_edges %s KiB -\n' "$(rss)"
FIRST=$(rss)
ATTACK_LONG=$((SECONDS_LONG + 2))
OTHER=127.0.7.0 # where no flood comes from
beside hello_1 $OTHER - hello --net 127.9.0.0 --sources 1 --rate 2000 --hold 3000
beside hello_200 $OTHER - hello --net 127.9.0.0 --sources 200 --rate 2000 --hold 3000
beside abandon_1 $OTHER - abandon --net 127.9.0.0 --sources 1 --rate 2000 --hold 3000
beside abandon_200 $OTHER - abandon --net 127.9.0.0 --sources 200 --rate 2000 --hold 3000
beside same_source 127.9.0.0 - hello --net 127.9.0.0 --sources 1 --rate 2000 --hold 3000
beside fast_200 $OTHER - hello --net 127.9.0.0 --sources 200 --rate 8000 --hold 8000
beside fast_1 $OTHER - hello --net 127.9.0.0 --sources 1 --rate 8000 --hold 8000
beside silent $OTHER double silent --net 127.9.0.0 --sources 2000 --rate 2000 --hold 8000
beside slow $OTHER double slow --net 127.9.0.0 --sources 2000 --rate 4000 --hold 4000
beside stalled $OTHER double stalled --net 127.9.0.0 --sources 2000 --rate 1500 --hold 10000
beside churn $OTHER - silent --net 127.9.0.0 --sources 2000 --rate 8000 --hold 8000
ATTACK_LONG=$((GARBAGE / 5000 + 2))
beside garbage $OTHER double garbage --net 127.9.0.0 --sources 2000 --rate 5000 --hold 3000 --total "$GARBAGE"
ATTACK_LONG=$((SECONDS_LONG + 2))
beside readers $OTHER double readers --net 127.9.0.0 --sources 100 --hold 100
beside chain $OTHER double chain --net 127.9.0.0 --sources 100
exit 0
