#!/bin/bash
# Promise: of several LDAP servers one that answers is used, the preferred one where there is a choice. A server that is
# silent, slow, half-dead or gone is left within seconds, never holds up what another one says, and is used again when
# it is well: after its connection stands, without a moment in which none does.
#
#   tests/system/failover.sh [PROGRAM]     PROGRAM: directory_follow
set -u
. "$(dirname "$(readlink -f "$0")")/slapd.bash"

PORT=$(port) A=$(port) B=$(port) DEAD=$(port)
slapd_make one
{ top; for n in $(seq 1 20); do user "u$n" $((10000 + n)); done; group ops 11001 uid=u1,ou=people; } | slapd_fill one
slapd_start one "$PORT" || { cat "$DIR/one/slapd.log"; exit 1; }
mode a pass
mode b pass
proxy "$A" "$PORT" "$DIR/a" && proxy "$B" "$PORT" "$DIR/b" || exit 1
URI_A=ldap://127.0.0.1:$A URI_B=ldap://127.0.0.1:$B

uses() { is state "state ok server=$1 *"; }
# A change is seen by the follower: how long that takes is in TOOK.
GID=11001
seen_after() {
    GID=$((GID + 1))
    printf 'dn: cn=ops,ou=groups,%s\nchangetype: modify\nreplace: gidNumber\ngidNumber: %s\n' "$BASE" $GID | change "$PORT"
    within "$1" is 'user u1 ' "* ops=$GID"
}

follow "${SIMPLE[@]}" - - - "$URI_A" "$URI_B"
check "the preferred server is used" within 3000 uses "$URI_A"
check "what changes is seen" seen_after 1000

mode b silent # the one that is not in use
mark
sleep 4
check "a silent second server holds nothing up" seen_after 500
check "and does not matter" eval '! since_mark "^state directory"'

mode b pass
mode a silent
check "the other server takes over from a silent one within ten seconds" within 10000 uses "$URI_B"
echo "figure failover_from_silent_ms $TOOK"
check "and what changes is seen" seen_after 1000
for n in 1 2 3; do
    sleep 1
    check "while the silent one is looked at ($n)" seen_after 500
done
mark
mode a pass
check "the preferred server is returned to" within 60000 uses "$URI_A"
echo "figure return_to_preferred_ms $TOOK"
check "without a moment in which none is connected" eval '! since_mark "^state directory"'
check "and without a reload" eval '! since_mark swapped'
check "what changes is seen there" seen_after 1000

mode a refuse
mode b cut 0
kill -STOP "$SLAPD"
check "nobody answers" within 12000 is state 'state directory_unreachable *'
sleep 5
kill -CONT "$SLAPD"
mode a pass
mode b pass
check "recovery within ten seconds" within 10000 is state 'state ok *'
echo "figure recovery_ms $TOOK"

follow "${SIMPLE[@]}" - - - "ldap://127.0.0.1:$DEAD" "$URI_A" "$URI_B"
check "a dead first server costs nothing" within 1500 uses "$URI_A"
mode a delay 200
check "a slow server is left for a fast one" within 60000 uses "$URI_B"
check "which shows changes at once" seen_after 500
follow_end
summary
