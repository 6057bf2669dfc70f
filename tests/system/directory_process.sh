#!/bin/bash
# shellcheck disable=SC2119
# Promise: the directory process, sandboxed, follows a real slapd over ldapi, StartTLS with a password and ldaps with its
# own certificate; the host's NSS file and the replica on disk follow; a start without a server knows what it knew; a
# file: directory is taken again when it changes, and a broken one leaves what was there.
. "$(dirname "$(readlink -f "$0")")/core.sh"

BASE=dc=example,dc=test

# certificate NAME EXTENSION CA: DIR/NAME.pem and DIR/NAME.key
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/$1.key" -out "$DIR/$1.csr" \
        -subj "/O=test/CN=$1" 2>/dev/null
    openssl x509 -req -in "$DIR/$1.csr" -CA "$DIR/cert.pem" -CAkey "$DIR/key.pem" -CAcreateserial -days 2 \
        -extfile <(printf '%s\n' "$2") -out "$DIR/$1.pem" 2>/dev/null
    chmod 600 "$DIR/$1.key"
}

user() {
    printf 'dn: uid=%s,%s\nobjectClass: account\nobjectClass: posixAccount\nuid: %s\ncn: %s\n' "$1" $BASE "$1" "$1"
    printf 'uidNumber: %s\ngidNumber: 10000\nhomeDirectory: /home/%s\n\n' "$2" "$1"
}

slapd_make() {
    mkdir "$DIR/db" "$DIR/slapd" && chmod 755 "$DIR/slapd"
    LDAP_PORT=21000 LDAPS_PORT=21001
    cat >"$DIR/slapd.conf" <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
TLSCACertificateFile $DIR/cert.pem
TLSCertificateFile $DIR/server.pem
TLSCertificateKeyFile $DIR/server.key
TLSVerifyClient try
authz-regexp "cn=client,o=test" "cn=gatewayd,$BASE"
authz-regexp "uidNumber=[0-9]+,cn=peercred,cn=external,cn=auth" "cn=gatewayd,$BASE"
database mdb
suffix "$BASE"
rootdn "cn=admin,$BASE"
rootpw admin
directory $DIR/db
limits dn.exact="cn=gatewayd,$BASE" size=unlimited time=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=gatewayd,$BASE" read by * none
overlay syncprov
END
    {
        printf 'dn: %s\nobjectClass: domain\ndc: example\n\n' $BASE
        printf 'dn: cn=gatewayd,%s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n' $BASE
        printf 'cn: gatewayd\nuserPassword: secret\n\n'
        user alice 10001
        user bob 10002
        printf 'dn: cn=staff,%s\nobjectClass: posixGroup\ncn: staff\ngidNumber: 11001\nmemberUid: alice\n' $BASE
    } | /usr/sbin/slapadd -f "$DIR/slapd.conf" 2>/dev/null
    printf secret >"$DIR/password"
    chmod 600 "$DIR/password"
}
slapd_start() {
    /usr/sbin/slapd -d 0 -f "$DIR/slapd.conf" >>"$DIR/slapd.log" 2>&1 \
        -h "ldap://127.0.0.1:$LDAP_PORT ldaps://127.0.0.1:$LDAPS_PORT ldapi://${DIR//\//%2F}%2Fslapd%2Fldapi" &
    SLAPD=$!
    wait_for 5 ldapwhoami -x -H "ldap://127.0.0.1:$LDAP_PORT" >/dev/null 2>&1
}
slapd_stop() {
    kill "$SLAPD" && wait "$SLAPD" 2>/dev/null
    SLAPD=
}
change() { ldapmodify -x -H "ldap://127.0.0.1:$LDAP_PORT" -D "cn=admin,$BASE" -w admin >>"$DIR/change.log" 2>&1; }

# directory OPTIONS...: the configuration's directory section is replaced.
directory() {
    sed -i '/^directory /,$d' "$DIR/gatewayd.conf"
    {
        printf 'directory "d" {\n    schema = "rfc2307"\n    max_stale = "60s"\n'
        printf '    %s\n' "$@"
        printf '}\n'
    } >>"$DIR/gatewayd.conf"
}
nss_has() { grep -qa -- "$1" "$DIR/run/nss/snapshot" 2>/dev/null; }
nss_lacks() { [ -s "$DIR/run/nss/snapshot" ] && ! nss_has "$1"; }
halt() {
    stop
    cat "$DIR/log" >>"$DIR/logs" # start begins a new one
}
fresh_start() {
    rm -rf "$DIR/run/nss/snapshot" "$DIR/state/directory/replica"
    start
}

servers() {
    directory "uri = {\"ldapi://${DIR//\//%2F}%2Fslapd%2Fldapi\"}" "base = \"$BASE\"" 'bind = "anonymous"'
    sed -i 's/by \* none$/by * read/' "$DIR/slapd.conf" # this once: nobody may read by ldapi
    slapd_start
    fresh_start
    check "a local socket is followed" wait_for 5 logged 'event=directory_followed'
    check "the NSS file has the users" wait_for 3 nss_has /home/alice
    check "the process has no privileges" grep -q '^CapEff:.0*$' "/proc/$(pid_of directory)/status"
    halt
    slapd_stop
    sed -i 's/by \* read$/by * none/' "$DIR/slapd.conf"
    slapd_start
    directory "uri = {\"ldap://127.0.0.1:$LDAP_PORT\"}" "base = \"$BASE\"" 'bind = "simple"' "ca = \"$DIR/cert.pem\"" \
        "bind_dn = \"cn=gatewayd,$BASE\"" "password_file = \"$DIR/password\""
    fresh_start
    check "StartTLS and a password" wait_for 5 logged 'event=directory_followed'
    halt
    directory "uri = {\"ldaps://127.0.0.1:$LDAPS_PORT\"}" "base = \"$BASE\"" 'bind = "external"' "ca = \"$DIR/cert.pem\"" \
        "certificate = \"$DIR/client.pem\"" "key = \"$DIR/client.key\""
    fresh_start
    check "ldaps and an own certificate" wait_for 5 logged 'event=directory_followed'
}

changes() {
    check "NSS before the change" wait_for 3 nss_has /home/bob
    printf 'dn: uid=bob,%s\nchangetype: delete\n' $BASE | change
    check "NSS follows within two seconds" wait_for 2 nss_lacks /home/bob
    check "the replica is on disk" wait_for 3 test -s "$DIR/state/directory/replica"
    sleep 4 # changes are written within seconds
    check "for its owner alone" [ "$(stat -c %a "$DIR/state/directory/replica")" = 600 ]
    halt
    slapd_stop
    start
    check "a start without a server knows the users" wait_for 3 logged 'event=replica_read users=1'
    check "and says that nobody answers" wait_for 5 logged 'event=directory_lost'
    slapd_start
    check "and goes on when it is back" wait_for 10 logged 'event=directory_followed'
    local old
    old=$(pid_of directory)
    kill -KILL "$old"
    check "a killed one is back" wait_for 2 pid_of directory >"$DIR/pid"
    check "with what it knew" wait_for 3 logged 'event=replica_read users=1.*'
    halt
    slapd_stop
}

file() {
    { user carol 10003; user dora 10004; } >"$DIR/people.ldif"
    directory "uri = {\"file:$DIR/people.ldif\"}"
    fresh_start
    check "a file is read" wait_for 3 nss_has /home/carol
    { user carol 10003; user erik 10005; } >"$DIR/new.ldif" && mv "$DIR/new.ldif" "$DIR/people.ldif"
    check "and again when it changes" wait_for 3 nss_has /home/erik
    check "whoever is no longer there is gone" nss_lacks /home/dora
    printf 'nonsense\n' >"$DIR/people.ldif"
    check "a broken one is refused with its line" wait_for 3 logged 'event=ldif_refused .*line 1'
    check "and leaves what was there" nss_has /home/erik
    : >"$DIR/people.ldif"
    check "an emptied one too" wait_for 3 logged 'event=ldif_refused .*reason=mass_end_guard'
    check "which leaves what was there" nss_has /home/erik
    kill -HUP "$PID"
    check "until the operator reloads" wait_for 5 nss_lacks /home/erik
    halt
}

private_etc
make_house
certificate server 'subjectAltName=DNS:localhost,IP:127.0.0.1'
certificate client 'extendedKeyUsage=clientAuth'
slapd_make
SLAPD=
trap '[ -z "$SLAPD" ] || kill -KILL "$SLAPD"; clean_up' EXIT
servers
changes
file
check "nothing was forbidden by the sandbox" eval '! dmesg 2>/dev/null | grep "type=1326.*comm=\"directory\" exe=\"$GATEWAYD\"" | grep -q .'
summary
