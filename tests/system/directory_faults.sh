#!/bin/bash
# Promise: whatever an LDAP server or the line to it does, the content that was there stays as it was, the process stays
# small and quick, and it is right again within ten seconds after the server is.
#
#   tests/system/directory_faults.sh [PROGRAM]     PROGRAM: directory_follow
set -u
. "$(dirname "$(readlink -f "$0")")/slapd.bash"

PORT=$(port) P=$(port) OTHER=$(port)
slapd_make one
content() { top; for n in $(seq 1 40); do user "u$n" $((10000 + n)); done; group ops 11001 uid=u1,ou=people; }
content | slapd_fill one
slapd_start one "$PORT" || { cat "$DIR/one/slapd.log"; exit 1; }
mode p pass
proxy "$P" "$PORT" "$DIR/p" || exit 1
DIRECT=ldap://127.0.0.1:$PORT VIA=ldap://127.0.0.1:$P

rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$FOLLOWER/status"; }
is_well() { is state 'state ok *'; }
all_there() { is end 'end users=40 groups=1'; }
nothing_shown() { ! since_mark '^end' && ! since_mark '^user'; }

# spoiled WORD...: begins anew under a fault: nothing may appear that is not whole, and all of it afterwards.
spoiled() {
    mode p "$@"
    follow "${SIMPLE[@]}" - - - "$VIA"
    mark
    sleep 1
    check "$*: nothing that is not whole" nothing_shown
    mode p pass
    check "$*: all of it within ten seconds" within 10000 all_there
    echo "figure recovery_${1}_ms $TOOK"
}
# while_followed WORD...: the same while all was there already.
while_followed() {
    mark
    mode p "$@"
    printf 'dn: uid=u2,ou=people,%s\nchangetype: modify\nreplace: gecos\ngecos: %s\n' "$BASE" "$RANDOM" | change "$PORT"
    sleep 1
    check "$*: nobody vanishes" eval '! since_mark "^end users=[0-3]" && ! since_mark "^removed"'
    mode p pass
    check "$*: well again within ten seconds" within 10000 is_well
    check "$*: and everybody is there" all_there
}

spoiled silent
spoiled refuse
spoiled garbage
spoiled huge
for n in 20 200 900 3000 9000; do spoiled cut $n; done
# Without TLS a turned bit may be another value: what must hold is that the process lives and goes on.
for n in 1 40 300 2000; do
    mode p corrupt $n
    follow "${SIMPLE[@]}" - - - "$VIA"
    sleep 0.3
    mode p pass
    check "corrupt $n: well within ten seconds" within 10000 is_well
done

check "a server 200 ms away" eval 'mode p delay 200; follow "${SIMPLE[@]}" - - - "$VIA"; within 8000 all_there'
mode p pass
check "and back" within 10000 is_well
for fault in silent refuse garbage huge "cut 1" "corrupt 3"; do
    # shellcheck disable=SC2086 # a word and a number
    while_followed $fault
done
check "the process stays small" [ "$(rss_kb)" -lt 200000 ]

# A server with another tree.
sed "s/$BASE/dc=other,dc=test/" "$DIR/one/slapd.conf" | sed "s,$DIR/one/,$DIR/two/,g" >"$DIR/two.conf"
mkdir -p "$DIR/two/db" && mv "$DIR/two.conf" "$DIR/two/slapd.conf"
content | sed "s/$BASE/dc=other,dc=test/; s/^dc: example/dc: other/" | slapd_fill two
slapd_start two "$OTHER"
follow "${SIMPLE[@]}" - - - "ldap://127.0.0.1:$OTHER" "$DIRECT"
check "a server with another tree is left for one that has ours" within 5000 all_there
check "which is said" is state "state ok server=$DIRECT *"
follow_end
summary
