#!/bin/bash
# shellcheck disable=SC2086,SC2053,SC2034,SC2119 # the right side of is() a pattern
# The directory is followed: real slapd with syncprov and memberof, private, on loopback. What changes there is seen
# within a second, what is lost comes back within ten, and no server makes users vanish or appear by failing.
#
#   tests/system/directory_sync.sh [PROGRAM]     PROGRAM: directory_follow, default build/asan/tests/directory_follow
set -u
. "$(dirname "$(readlink -f "$0")")/slapd.bash"

make_certificates() {
    cd "$DIR" || return
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
        -subj "/CN=ca" 2>/dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -days 2 \
        -subj "/CN=other" 2>/dev/null
    local name
    for name in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr \
            -subj "/O=test/CN=$name" 2>/dev/null
        printf 'subjectAltName=DNS:localhost,DNS:dir.example.test,IP:127.0.0.1\n' >ext
        openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext \
            -out $name.pem 2>/dev/null
    done
}

make_conf() {
    cat >"$DIR/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include $TOP/etc/quickstart.d/rfc2307bis.schema
pidfile $DIR/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
moduleload memberof
TLSCACertificateFile $DIR/ca.pem
TLSCertificateFile $DIR/server.pem
TLSCertificateKeyFile $DIR/server.key
TLSVerifyClient try
authz-regexp "cn=client,o=test" "cn=gatewayd,$BASE"
database mdb
maxsize 104857600
suffix "$BASE"
rootdn "cn=admin,$BASE"
rootpw admin
directory $DIR/db
index objectClass,entryUUID,entryCSN,uid,member eq
limits dn.exact="cn=gatewayd,$BASE" size=unlimited time=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=gatewayd,$BASE" read by * none
overlay memberof
memberof-group-oc groupOfNames
overlay syncprov
syncprov-checkpoint 100 1
syncprov-sessionlog 100
CONF
}

user() {
    printf 'dn: uid=%s,ou=people,%s\nobjectClass: account\nobjectClass: posixAccount\nobjectClass: shadowAccount\n' "$1" "$BASE"
    printf 'uid: %s\ncn: %s\nuidNumber: %s\ngidNumber: 10000\nhomeDirectory: /home/%s\n\n' "$1" "$1" "$2" "$1"
}

# group NAME GID MEMBER...: with members by RDN below ou=people or ou=groups
group() {
    local name=$1 gid=$2 member
    shift 2
    printf 'dn: cn=%s,ou=groups,%s\nobjectClass: groupOfNames\nobjectClass: posixGroup\ncn: %s\ngidNumber: %s\n' \
        "$name" "$BASE" "$name" "$gid"
    for member in "$@"; do printf 'member: %s,%s\n' "$member" "$BASE"; done
    echo
}

content() {
    printf 'dn: %s\nobjectClass: domain\ndc: example\n\n' "$BASE"
    local ou n
    for ou in people groups; do printf 'dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n' $ou $BASE $ou; done
    printf 'dn: cn=gatewayd,%s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: gatewayd\nuserPassword: secret\n\n' $BASE
    user alice 10001
    for n in $(seq 2 20); do user "u$n" $((10000 + n)); done
    group ops 11001 uid=alice,ou=people uid=u3,ou=people
    group admins 11002 uid=u2,ou=people cn=ops,ou=groups
}

slapd_start() {
    PATH=$PATH:/usr/sbin slapd -h "ldap://127.0.0.1:$PORT ldaps://127.0.0.1:$PORT_TLS ldapi://${DIR//\//%2F}%2Fldapi" \
        -f "$DIR/slapd.conf" -d 0 >>"$DIR/slapd.log" 2>&1 9>&- &
    SLAPD=$!
    OURS+=("$SLAPD")
    within 10000 listening "$PORT"
}
slapd_stop() { kill "$SLAPD"; wait "$SLAPD" 2>/dev/null; SLAPD=; }
change() { ldapmodify -x -H "ldap://127.0.0.1:$PORT" -D "cn=admin,$BASE" -w admin >>"$DIR/change.log" 2>&1; }

# member add|delete GROUP MEMBER
member() {
    printf 'dn: cn=%s,ou=groups,%s\nchangetype: modify\n%s: member\nmember: %s,%s\n' "$2" $BASE "$1" "$3" $BASE | change
}

# follow BIND_DN PASSWORD CA CERTIFICATE KEY URI...: starts the follower; SEEN is what it writes.
follow() {
    follow_end
    SEEN=$DIR/seen.$RANDOM
    [ -p "$DIR/stdin" ] || mkfifo "$DIR/stdin"
    "$FOLLOW" "$BASE" "$@" <"$DIR/stdin" >"$SEEN" 2>"$SEEN.err" &
    FOLLOWER=$!
    exec 9>"$DIR/stdin"
}
follow_end() {
    exec 9>&-
    [ -z "$FOLLOWER" ] || wait "$FOLLOWER"
    FOLLOWER=
}

# The newest line that begins so.
newest() { grep "^$1" "$SEEN" | tail -n 1; }
is() { [[ "$(newest "$1")" == $2 ]]; }
has_line() { grep -q -- "$1" "$SEEN"; }
is_well() { is state 'state ok *'; }
age_below() { local age; age=$(newest age) && [ "${age#age }" -ge 0 ] && [ "${age#age }" -lt "$1" ]; }
age_above() { local age; age=$(newest age) && [ "${age#age }" -gt "$1" ]; }
mark() { LINES_BEFORE=$(wc -l <"$SEEN"); }
since_mark() { tail -n +$((LINES_BEFORE + 1)) "$SEEN" | grep -q -- "$1"; }

make_certificates || exit 1
PORT=$(port) PORT_TLS=$(port) PORT_DEAD=$(port)
make_conf
mkdir "$DIR/db"
content >"$DIR/content.ldif"
PATH=$PATH:/usr/sbin slapadd -f "$DIR/slapd.conf" -l "$DIR/content.ldif" >"$DIR/slapadd.log" 2>&1 || exit 1
slapd_start || { cat "$DIR/slapd.log"; exit 1; }

echo "# what is there"
follow "${SIMPLE[@]}" - - - "ldap://127.0.0.1:$PORT"
check "all users and groups come" within 3000 is end 'end users=20 groups=2'
check "nested groups are closed" is 'user alice' 'user alice 10001 ok created=?????* groups ops=11001 admins=11002'
check "the server is named" is state "state ok server=ldap://127.0.0.1:$PORT *"

echo "# what changes"
mark
member delete ops uid=alice,ou=people
check "a member goes within a second" within 1000 is 'user alice' 'user alice 10001 ok created=* groups'
check "by a change, not a reload" eval '! since_mark swapped'
member add ops uid=alice,ou=people
check "and comes back" within 1000 is 'user alice' '* groups ops=11001 admins=11002'
printf 'dn: uid=alice,ou=people,%s\nchangetype: modify\nadd: shadowExpire\nshadowExpire: 1\n' $BASE | change
check "an account expires" within 1000 is 'user alice' 'user alice 10001 account_expired *'
printf 'dn: uid=u20,ou=people,%s\nchangetype: delete\n' $BASE | change
check "a user is deleted" within 1000 is end 'end users=19 *'
printf 'dn: uid=u19,ou=people,%s\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n' $BASE | change
check "a user is renamed" within 1000 has_line '^user renamed 10019 ok'
printf 'dn: uid=u18,ou=people,%s\nchangetype: modify\ndelete: objectClass\nobjectClass: posixAccount\n-\ndelete: uidNumber\n-\ndelete: gidNumber\n-\ndelete: homeDirectory\n-\ndelete: cn\n' $BASE | change
check "a user loses its class" within 1000 is end 'end users=18 *'
sleep 7
check "heartbeats keep it fresh" age_below 6500

echo "# what is lost"
mark
slapd_stop
check "a server that goes is noticed" within 2000 is state 'state directory_unreachable *'
sleep 3
check "the content stays, its age grows" age_above 2500
check "no user vanishes" is end 'end users=18 *'
slapd_start
printf 'dn: uid=u17,ou=people,%s\nchangetype: delete\n' $BASE | change
user new 10100 >"$DIR/new.ldif"
sed -i '1a changetype: add' "$DIR/new.ldif" && change <"$DIR/new.ldif"
check "it is found again within ten seconds" within 10000 is_well
check "what was deleted meanwhile is gone" within 2000 eval 'since_mark "^user new 10100" && is end "end users=18 *"'
check "without a reload" eval '! since_mark swapped'
kill -STOP "$SLAPD"
check "a server that is silent is noticed" within 10000 is state 'state directory_unreachable *'
sleep 2
kill -CONT "$SLAPD"
check "and found again within ten seconds" within 10000 is_well
check "fresh" within 6000 age_below 6500

echo "# what is refused"
slapd_stop
mark
mkdir "$DIR/aside" && mv "$DIR"/db/* "$DIR/aside/"
content | awk 'BEGIN { RS = ""; ORS = "\n\n" } !/uid=u[0-9]+,ou=people/ || /cn=admins/' >"$DIR/less.ldif"
PATH=$PATH:/usr/sbin slapadd -f "$DIR/slapd.conf" -l "$DIR/less.ldif" >>"$DIR/slapadd.log" 2>&1
slapd_start
check "an emptied server is refused" within 12000 is state 'state mass_end_guard *'
check "nothing of it shows" eval '! since_mark "^end users"'
slapd_stop
rm -f "$DIR"/db/* && mv "$DIR"/aside/* "$DIR/db/"
slapd_start

follow cn=gatewayd,$BASE wrong - - - "ldap://127.0.0.1:$PORT"
check "a wrong password" within 3000 is state 'state directory_unreachable *Invalid credentials*'
follow - - - - - "ldap://127.0.0.1:$PORT"
check "a server that shows nothing is never fresh" eval 'sleep 3; is age "age -1"'
follow cn=gatewayd,$BASE - - - - "ldap://127.0.0.1:$PORT"
check "a simple bind without a password" within 2000 has_line '^refused config_missing'
follow "${SIMPLE[@]}" - - - "ldaps://127.0.0.1:$PORT_TLS"
check "ldaps without anchors" within 2000 has_line '^refused config_missing'
follow - - "$DIR/ca.pem" - - "http://127.0.0.1:$PORT"
check "another scheme" within 2000 has_line '^refused config_value'

echo "# how it is reached"
follow "${SIMPLE[@]}" - - - "ldap://127.0.0.1:$PORT_DEAD" "ldap://127.0.0.1:$PORT"
check "the second server when the first is dead" within 3000 is state "state ok server=ldap://127.0.0.1:$PORT *"
follow "${SIMPLE[@]}" "$DIR/ca.pem" - - "ldaps://127.0.0.1:$PORT_TLS"
check "ldaps" within 3000 is_well
follow "${SIMPLE[@]}" "$DIR/ca.pem" - - "ldap://127.0.0.1:$PORT"
check "StartTLS" within 3000 is_well
follow "${SIMPLE[@]}" "$DIR/other.pem" - - "ldaps://127.0.0.1:$PORT_TLS"
check "ldaps with another authority is refused" within 3000 is state 'state directory_unreachable *TLS*'
follow "${SIMPLE[@]}" "$DIR/other.pem" - - "ldap://127.0.0.1:$PORT"
check "StartTLS with another authority is refused" within 3000 is state 'state directory_unreachable *TLS*'
DIRECTORY_NAME=dir.example.test follow "${SIMPLE[@]}" "$DIR/ca.pem" - - "ldaps://127.0.0.1:$PORT_TLS"
check "ldaps with the name that was asked for" within 3000 is_well
DIRECTORY_NAME=ldap.example.test follow "${SIMPLE[@]}" "$DIR/ca.pem" - - "ldaps://127.0.0.1:$PORT_TLS"
check "ldaps with another name is refused" within 3000 is state 'state directory_unreachable *TLS*'
DIRECTORY_NAME=ldap.example.test follow "${SIMPLE[@]}" "$DIR/ca.pem" - - "ldap://127.0.0.1:$PORT"
check "StartTLS with another name is refused" within 3000 is state 'state directory_unreachable *TLS*'
follow "${SIMPLE[@]}" "$DIR/ca.pem" - - "ldaps://127.0.0.1:$PORT_DEAD" "ldaps://127.0.0.1:$PORT_TLS"
check "the second one by ldaps" within 3000 is state "state ok server=ldaps://127.0.0.1:$PORT_TLS *"
follow - - "$DIR/ca.pem" "$DIR/client.pem" "$DIR/client.key" "ldaps://127.0.0.1:$PORT_TLS"
check "an external bind" within 3000 is_well
follow "${SIMPLE[@]}" - - - "ldapi://${DIR//\//%2F}%2Fldapi"
check "ldapi" within 3000 is_well
address=$(hostname -I 2>/dev/null | cut -d' ' -f1)
if [ -n "$address" ]; then
    slapd_stop
    PATH=$PATH:/usr/sbin slapd -h "ldap://$address:$PORT ldap://127.0.0.1:$PORT" -f "$DIR/slapd.conf" -d 0 >>"$DIR/slapd.log" 2>&1 9>&- &
    SLAPD=$!
    OURS+=("$SLAPD")
    within 10000 listening "$PORT"
    follow "${SIMPLE[@]}" - - - "ldap://$address:$PORT"
    check "no password in clear text to another machine" within 3000 is state 'state config_value *clear text*'
fi
follow_end
summary
