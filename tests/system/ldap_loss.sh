#!/usr/bin/env bash
# slapd stopped, or silent: decisions go on while the replica is younger than max_stale, then nobody new gets in; live
# sessions go on; slapd back: everything is as before within ten seconds.
HOUSE_MAX_STALE=8s
. "$(dirname "$0")/lib.sh"
. "$TOP/etc/quickstart.d/tour.sh"
promise "a lost directory costs nobody their session, and lets nobody in on old facts"
house_up

logs_in() { laptop ssh -o BatchMode=yes alice@ssh.example.test true; }
stale() { run laptop ssh -o BatchMode=yes alice@ssh.example.test true && printf '%s' "$OUT" | grep -q 'has not been heard'; }
lives() { if kill -0 "$LIVE" 2>/dev/null; then good "$1: the live session goes on"; else bad "$1: the live session ended"; fi; }

# lost WHAT: slapd has just gone; what has to happen until it is back
lost() {
    check "$1: a new login is decided on the replica" logs_in
    if within 16000 stale; then good "$1: then nobody new gets in"; else bad "$1: new logins after max_stale"; fi
    OUT=$(record_where '.reason_code == "directory_stale"')
    expect "$1: directory_stale is in the record" directory_stale
    lives "$1"
}
back() {
    if within 10000 logs_in; then good "$1: recovered after $WITHIN ms"; else bad "$1: not recovered within 10 s"; fi
    lives "$1"
}

live_session
slapd_stop
lost "slapd stopped"
slapd_start && back "slapd back"

kill -STOP "$SLAPD"
lost "slapd silent"
kill -CONT "$SLAPD"
back "slapd speaks again"

# A change made right after it came back arrives: the follower has not lost its place.
group_member delete ops alice >/dev/null
ends "out of the group after all that" groups_changed
run logs_in
expect_rc "and she stays outside" '!0'
done_with_it
