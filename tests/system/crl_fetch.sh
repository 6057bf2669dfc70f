#!/usr/bin/env bash
# Revocation lists come by themselves, from web and LDAP servers: a list that revokes ends sessions, a server that
# hangs, is gone, or sends what is old, broken or huge changes nothing, and holds up nobody.
. "$(dirname "$0")/lib.sh"
promise "revocation lists are fetched, and a bad server changes nothing"
WEB=$DIR/web
mkdir -p "$WEB" "$DIR/db"
free_port
LIST_PORT=$PORT

# list FILE SECONDS [CERTIFICATE...]: a list of the users' CA that holds for so long and names these (and those before).
cat >"$DIR/db/openssl.cnf" <<END
[ca]
default_ca = users
[users]
database = $DIR/db/index
crlnumber = $DIR/db/number
default_md = sha256
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid:always
END
: >"$DIR/db/index"
echo 01 >"$DIR/db/number"
users_ca() { openssl ca -config "$DIR/db/openssl.cnf" -keyfile "$CA/users/ca.key" -cert "$CA/users/ca.pem" "$@" 2>>"$DIR/log/openssl.log"; }
list() {
    local file=$1 seconds=$2
    shift 2
    for name in "$@"; do users_ca -revoke "$CERTS/$name.pem" >/dev/null; done
    users_ca -gencrl -crlsec "$seconds" -out "$DIR/db/list.pem" && openssl crl -in "$DIR/db/list.pem" -outform DER -out "$file.new" && mv "$file.new" "$file"
}
web_start() {
    python3 "$TOP/tests/system/fake_web.py" "$LIST_PORT" "$WEB" >>"$DIR/log/web.log" 2>&1 &
    WEB_PID=$!
    within 5000 listening "$LIST_PORT"
}
web_stop() { kill "$WEB_PID" && wait "$WEB_PID" 2>/dev/null; }
words() { # the words of crls of the section users
    sed -i "s|^    crls .*|    crls       = {$1}|" "$HOUSE_CONF" && gatewayctl reload >/dev/null
}
at() { printf '"http://127.0.0.1:%s/%s"' "$LIST_PORT" "$1"; }
gets_in() { echo hello | mtls_as "${1:-alice}" connect echo.example.test 2>/dev/null | grep -q hello; }
source_is() { gatewayctl --json status | jq -e ".processes[] | select(.role==\"fetch\") | .counters.sources[] | select($1)"; }
logged() { grep -q -- "$1" "$DIR/log/gatewayd.log"; }

# shellcheck disable=SC2317 # in place of the house's own
eval "$(declare -f house_config | sed '1s/house_config/house_config_alone/')"
house_config() { house_config_alone | sed "s|^    crls .*|    crls       = {$(at users.crl)}|"; }
# A list in the directory is for everybody.
eval "$(declare -f house_slapd_conf | sed '1s/house_slapd_conf/house_slapd_conf_alone/')"
house_slapd_conf() { house_slapd_conf_alone "$@" | sed "s/^access to attrs=userPassword/access to dn.exact=\"cn=users-ca,$HOUSE_BASE\" by * read\n&/"; }
house_up
cat >/etc/gatewayd/policy.d/10-house.conf <<'END'
rule "everybody" { services = {"echo"} ca = {"users"} }
END
gatewayctl reload >/dev/null || die "the rule does not load"
if gets_in; then bad "alice is in without any list"; else good "no list has come: nobody is in"; fi
recorded() { records | grep -q crl_missing; }
if within 3000 recorded; then good "and the record says why"; else bad "no record of crl_missing"; fi

# --- it comes
list "$WEB/users.crl" 20 revoked
web_start
gateway_stop
gateway_start
if within 5000 gets_in; then good "the list has come after ${WITHIN} ms: alice is in"; else bad "alice is not in"; fi
if gets_in revoked; then bad "a revoked certificate gets in"; else good "a revoked certificate does not"; fi
OUT=$(gatewayctl --json status | jq -c '.crls')
expect "status shows the list with its times" '"issuer":"CN=Example Users CA".*"next_update_s":[0-9]+'
OUT=$(gatewayctl status)
expect "also for people" 'next_update_s'

# --- it is fetched again by its nextUpdate, and ends a session
(echo hello; sleep 30) | mtls_as bob connect echo.example.test >/root/bob.out 2>&1 &
BOB=$!
within 5000 grep -q hello /root/bob.out || bad "bob is not in"
(echo hello; sleep 60) | mtls_as alice connect echo.example.test >/root/alice.out 2>&1 &
ALICE=$!
within 5000 grep -q hello /root/alice.out || bad "alice is not in"
list "$WEB/users.crl" 3600 bob
bob_ended() { records | grep '"ev":"close"' | grep '"bob"' | grep -q cert_revoked; }
if within 25000 bob_ended; then good "the next list came by itself and ended bob's session after ${WITHIN} ms"; else bad "bob's session lives on"; fi
if kill -0 "$ALICE" 2>/dev/null; then good "alice's session goes on"; else bad "alice's session has ended too"; fi
kill "$BOB" "$ALICE" 2>/dev/null
OUT=$(grep -c users.crl "$WEB/requests")
expect "the server was not asked more often than needed: $OUT times" '^[1-6]$'

# --- an older list, and a server that is gone
cp "$WEB/users.crl" "$DIR/db/newest"
echo 01 >"$DIR/db/number"
list "$WEB/users.crl" 3600
words "$(at users.crl), $(at garbage), $(at big), $(at endless), $(at early), $(at hang), $(at slow), $(at tls), $(at loop), $(at none)"
for path in garbage big endless early tls loop none; do
    if within 20000 source_is "(.url|endswith(\"/$path\")) and .error"; then good "/$path is told as failed"; else bad "/$path is not told as failed"; fi
done
OUT=$(gatewayctl --json status | jq -c '[.processes[]|select(.role=="fetch")|.counters.sources[]]')
expect "300 MB are refused at once" 'octets, at most'
expect "a redirection to https is refused" 'https: lists'
if gets_in; then good "servers that hang hold up nobody"; else bad "alice is not in beside bad servers"; fi
kill -KILL "$(gw_pids fetch)"
sleep 0.3
if gets_in; then good "a killed fetch changes nothing"; else bad "a killed fetch keeps alice outside"; fi
within 5000 gw_pids fetch || bad "fetch is not started again"
if gets_in bob; then bad "an older list lets bob in again"; else good "an older list lets nobody in again"; fi
web_stop
gateway_stop
gateway_start
if within 5000 gets_in; then good "without any server the list on disk serves, after a restart too"; else bad "alice is not in without the server"; fi
if gets_in bob; then bad "bob is in after the restart"; else good "bob stays outside"; fi

# --- by LDAP, from a named server and from the directory's own
cp "$DIR/db/newest" "$DIR/db/users.crl"
ldap_change >/dev/null <<END || bad "the directory takes no list"
dn: cn=users-ca,$HOUSE_BASE
changetype: add
objectClass: cRLDistributionPoint
cn: users-ca
certificateRevocationList;binary:< file://$DIR/db/users.crl
END
: >"$DIR/log/gatewayd.log"
words "\"ldap://127.0.0.1:$LDAP_PORT/cn=users-ca,$HOUSE_BASE?certificateRevocationList;binary\""
if within 5000 logged 'event=crl_fetched.*ldap:'; then good "a list has come by ldap:"; else bad "no list by ldap:"; fi
if within 3000 gets_in; then good "alice is in with it"; else bad "alice is not in with the list from LDAP"; fi
words "\"ldap:///cn=users-ca,$HOUSE_BASE\""
if within 5000 logged 'event=crl_fetched.*ldap:///'; then good "and from the directory's own server"; else bad "no list by ldap:///"; fi
if within 3000 gets_in; then good "alice is in with that"; else bad "alice is not in with that"; fi
OUT=$(find /var/lib/gatewayd/crl -name '*.crl' | wc -l)
expect "lists that the configuration no longer names are gone" '^1$'

# --- by the addresses in the certificates: a chain with an authority that only the client has
web_start
cat >"$DIR/db/sub.cnf" <<END
[sub]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
crlDistributionPoints = URI:http://127.0.0.1:$LIST_PORT/tree.crl
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = email:alice@example.test
crlDistributionPoints = URI:http://127.0.0.1:$LIST_PORT/sub.crl
[bad]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = email:alice@example.test
crlDistributionPoints = URI:http://127.0.0.1:$LIST_PORT/bad.crl
END
# sign NAME SECTION CA-CERTIFICATE CA-KEY
sign() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$CERTS/$1.key" -subj "/CN=$1" -out "$DIR/db/$1.csr" 2>/dev/null &&
        openssl x509 -req -in "$DIR/db/$1.csr" -CA "$3" -CAkey "$4" -days 2 -extfile "$DIR/db/sub.cnf" -extensions "$2" -out "$CERTS/$1.pem" 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$CERTS/tree.key" -out "$CERTS/tree.pem" -subj "/CN=Tree CA" -days 2 \
    -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
sign sub sub "$CERTS/tree.pem" "$CERTS/tree.key"
cat "$CERTS/tree.pem" >>/etc/gatewayd/ca/users.pem
sign subleaf leaf "$CERTS/sub.pem" "$CERTS/sub.key"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$CERTS/fake.key" -out "$CERTS/fake.pem" -subj "/CN=Tree CA" -days 2 2>/dev/null
sign badleaf bad "$CERTS/fake.pem" "$CERTS/fake.key"
chown laptop:laptop "$CERTS"/*
for name in sub tree; do
    openssl ca -config "$DIR/db/openssl.cnf" -keyfile "$CERTS/$name.key" -cert "$CERTS/$name.pem" -gencrl -crlsec 3600 -out "$DIR/db/$name.pem" 2>>"$DIR/log/openssl.log" &&
        openssl crl -in "$DIR/db/$name.pem" -outform DER -out "$WEB/$name.crl"
done
words '"cdp"'
: >"$WEB/requests"
sub_gets_in() { (echo hello; sleep 0.3) | s_client subleaf echo.example.test -cert_chain "$CERTS/sub.pem" -no_ign_eof 2>/dev/null | grep -q hello; }
if sub_gets_in; then bad "the chain is good although no list is here"; else good "cdp: without a list the first try is denied"; fi
if within 8000 sub_gets_in; then good "a later one is good, after ${WITHIN} ms"; else bad "its lists do not come"; fi
OUT=$(sort -u "$WEB/requests" | tr '\n' ' ')
expect "both lists were fetched, that of the leaf and that of its authority" '^/sub.crl /tree.crl $'
(echo hello; sleep 0.3) | s_client badleaf echo.example.test -cert_chain "$CERTS/fake.pem" -no_ign_eof >/dev/null 2>&1
sleep 1
OUT=$(cat "$WEB/requests")
refute "an address in a stranger's certificate is not asked" bad.crl
web_stop
gateway_stop
gateway_start
if within 5000 sub_gets_in; then good "after a restart without the server too"; else bad "not after a restart"; fi

# --- https is refused with a reason
sed -i 's,^    crls .*,    crls       = {"https://127.0.0.1/x.crl"},' "$HOUSE_CONF"
OUT=$(gatewayctl check 2>&1)
expect "https is refused, with the reason" 'https: lists and answers are signed'
done_with_it
