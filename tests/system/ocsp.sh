#!/usr/bin/env bash
# OCSP of client certificates with a real responder: asked after the handshake and remembered; "require" denies without
# a good answer, "soft" only what is revoked; each denial has its record; a revocation ends exactly its sessions.
. "$(dirname "$0")/lib.sh"
promise "a certificate that its CA revokes by OCSP opens nothing"
mkdir -p "$DIR/db"
free_port
OCSP_PORT=$PORT

cat >"$DIR/db/openssl.cnf" <<END
[ca]
default_ca = users
[users]
database = $DIR/db/index
crlnumber = $DIR/db/number
default_md = sha256
[responder]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
[client]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
END
: >"$DIR/db/index"
echo 01 >"$DIR/db/number"
users_ca() { openssl ca -config "$DIR/db/openssl.cnf" -keyfile "$CA/users/ca.key" -cert "$CA/users/ca.pem" "$@" >>"$DIR/log/openssl.log" 2>&1; }
# signed NAME SECTION CA: a certificate for DIR/db/NAME.key
signed() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/db/$1.key" -subj "/CN=$1" -out "$DIR/db/$1.csr" 2>/dev/null &&
        openssl x509 -req -in "$DIR/db/$1.csr" -CA "$CA/$3/ca.pem" -CAkey "$CA/$3/ca.key" -days 2 -extfile "$DIR/db/openssl.cnf" -extensions "$2" \
            -out "$DIR/db/$1.pem" 2>/dev/null
}
# responder SIGNER [OPTION...]
responder() {
    local signer=$1
    shift
    : >"$DIR/log/ocsp.log"
    openssl ocsp -index "$DIR/db/index" -port "$OCSP_PORT" -rsigner "$DIR/db/$signer.pem" -rkey "$DIR/db/$signer.key" -CA "$CA/users/ca.pem" "$@" \
        >>"$DIR/log/ocsp.log" 2>&1 &
    RESPONDER=$!
    within 5000 grep -q waiting "$DIR/log/ocsp.log" # a connection without a question would keep it busy
}
responder_stop() {
    kill -CONT "$RESPONDER" 2>/dev/null
    kill "$RESPONDER" 2>/dev/null
    wait "$RESPONDER" 2>/dev/null
}
# mode MODE: with an empty memory (a reload forgets the answers of fetch, a restart those of the edges)
mode() {
    sed -i "s/^    ocsp .*/    ocsp       = \"$1\"/" "$HOUSE_CONF"
    gateway_stop
    gateway_start || bad "gatewayd does not start with ocsp = $1"
}
gets_in() { echo hello | mtls_as "${1:-alice}" connect echo.example.test 2>/dev/null | grep -q hello; }
denied_as() { # CERTIFICATE REASON [PERSON]
    local person=${3:-$1}
    if gets_in "$1"; then bad "$1 is in"; else good "$1 stays outside"; fi
    OUT=$(record_where '.ev=="deny"')
    expect "and the record says $2, and who it was" "\"$2\".*$person|$person.*\"$2\""
}
# revoke NAME: openssl's responder reads its index again after the next question
revoke() {
    users_ca -revoke "$CERTS/$1.pem"
    openssl ocsp -issuer "$CA/users/ca.pem" -cert "$CERTS/$1.pem" -url "http://127.0.0.1:$OCSP_PORT/" -noverify >/dev/null 2>&1
}

# shellcheck disable=SC2317 # in place of the house's own
eval "$(declare -f house_config | sed '1s/house_config/house_config_alone/')"
house_config() {
    house_config_alone | sed "s|^    revocation .*|&\n    ocsp       = \"require\"\n    ocsp_responder = \"http://127.0.0.1:$OCSP_PORT/\"|"
}
house_up
cat >/etc/gatewayd/policy.d/10-house.conf <<'END'
rule "everybody" { services = {"echo"} ca = {"users"} }
END
gatewayctl reload >/dev/null || die "the rule does not load"
person alice spare >/dev/null 2>&1
signed good responder users
signed false client users
signed other responder other
for name in alice bob carol; do users_ca -valid "$CERTS/$name.pem"; done

# --- require
denied_as alice ocsp_unavailable
responder good -nmin 1
mode require
if gets_in; then good "the responder says good: alice is in"; else bad "alice is not in"; fi
gets_in && gets_in
sleep 1.2
OUT=$(gatewayctl --json status | jq -c '.processes[]|select(.role=="fetch").counters.ocsp')
expect "and the responder is asked once for three connections" '"questions":1[,}]'
denied_as spare ocsp_unknown alice # the responder does not know this one
revoke carol
denied_as carol cert_revoked

(echo hello; sleep 100) | mtls_as bob connect echo.example.test >/root/bob.out 2>&1 &
BOB=$!
within 5000 grep -q hello /root/bob.out || bad "bob is not in"
(echo hello; sleep 100) | mtls_as alice connect echo.example.test >/root/alice.out 2>&1 &
ALICE=$!
within 5000 grep -q hello /root/alice.out || bad "alice is not in"
revoke bob
bob_ended() { records | grep '"ev":"close"' | grep '"bob"' | grep -q cert_revoked; }
if within 75000 bob_ended; then good "bob's session ended after ${WITHIN} ms, when his answer had to be a new one"; else bad "bob's session lives on"; fi
sleep 2
if kill -0 "$ALICE" 2>/dev/null; then good "alice's session goes on"; else bad "alice's session has ended too"; fi
kill "$BOB" "$ALICE" 2>/dev/null

# --- who may answer
responder_stop
responder false
mode require
denied_as alice ocsp_unavailable # a client's certificate is no responder's
responder_stop
responder other
mode require
denied_as alice ocsp_unavailable # nor is one of another CA
responder_stop

# --- a responder that hangs
responder good
mode require
kill -STOP "$RESPONDER"
begin=$(now_ms)
if gets_in; then bad "alice is in beside a responder that hangs"; else good "a responder that hangs denies"; fi
took=$(($(now_ms) - begin))
if [ "$took" -lt 4500 ]; then good "after $took ms"; else bad "after $took ms"; fi

# --- soft
mode soft
if gets_in; then good "soft: alice is in without an answer"; else bad "soft: alice is not in"; fi
kill -CONT "$RESPONDER"
mode soft
if gets_in spare; then good "soft: one that the responder does not know is in"; else bad "soft: the spare certificate is not in"; fi
denied_as carol cert_revoked
responder_stop
kill -KILL "$(gw_pids fetch)"
if gets_in spare; then good "soft: without fetch as well"; else bad "soft: nobody is in without fetch"; fi
done_with_it
