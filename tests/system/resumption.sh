#!/usr/bin/env bash
# TLS sessions that are resumed: what was true of the client at the first handshake is looked at again, and nothing
# that has changed since is passed over. One edge, so that each connection finds the sessions of the one before.
HOUSE_EDGES=1
. "$(dirname "$0")/lib.sh"
promise "a resumed session opens nothing that a full handshake would not open now"
house_up
SESSIONS=/home/laptop/sessions
install -d -o laptop -g laptop -m 700 "$SESSIONS"

# talk NAME SERVERNAME ARGS...: one line to the service and back
talk() {
    laptop sh -c "{ printf 'a line\n'; sleep 0.7; } | timeout 10 openssl s_client -CAfile $CERTS/ca.pem -servername $2 \
        -connect 127.0.0.1:$GW_PORT -cert $CERTS/$1.pem -key $CERTS/$1.key ${*:3}" 2>&1
}
# first NAME [SERVERNAME]: a full handshake whose session is kept in SESSIONS/NAME
first() {
    OUT=$(talk "$1" "${2:-echo.example.test}" -sess_out "$SESSIONS/$1")
    expect "$1: a full handshake" '^New, TLSv1.3'
}
# again WHAT NAME SERVERNAME: with the session of NAME
again() { OUT=$(talk "$2" "${3:-echo.example.test}" -sess_in "$SESSIONS/$2" -sess_out "$SESSIONS/$2"); }

OUT=$(talk alice echo.example.test -sess_out "$SESSIONS/alice")
expect "without the option there is no session to come back with" 'a line'
again off alice
refute "and none is resumed" '^Reused'

sed -i 's,^tls "default" {,&\n    resumption = "stateful",' "$HOUSE_CONF"
check "the option is taken by a reload" gatewayctl reload
first alice
again "the same" alice
expect "the same client at the same service: resumed" '^Reused, TLSv1.3'
expect "and it is let in as before" '^a line$'
refute "no early data" 'Early data was accepted'
OUT=$(record_where '.ev=="open"')
expect "the record is as full as the first one" '"subject":"CN=alice"'

again "another name" alice web.example.test
refute "at another name: a full handshake" '^Reused'
first alice
laptop cp "$SESSIONS/alice" "$SESSIONS/copy"
again "once" alice
expect "once" '^Reused'
laptop cp "$SESSIONS/copy" "$SESSIONS/alice"
again "twice" alice
refute "never twice" '^Reused'

# The rights are asked for each time.
first bob web.example.test
again "bob" bob web.example.test
expect "bob is in at web, resumed" '^Reused'
first alice
gatewayctl lock add user alice --message "for the test" >/dev/null || bad "no lock"
again "locked" alice
expect "a lock between: the session itself is resumed" '^Reused'
refute "but nothing comes back" '^a line$'
gatewayctl lock list | awk '/alice/ {print $1}' | while read -r id; do gatewayctl lock remove "$id"; done >/dev/null

first carol
gatewayctl ca revoke "$CA/users" "$CERTS/carol.pem" >/dev/null 2>&1 && crl_publish >/dev/null && gatewayctl reload >/dev/null
again "revoked" carol
refute "revoked between: not resumed" '^Reused'
expect "but refused as revoked" 'certificate revoked'

issue "$CA/users" brief --cn alice --email alice@example.test --client --not-after "$(date -u -d '+5 seconds' +%Y-%m-%dT%H:%M:%SZ)" >/dev/null 2>&1
first brief
sleep 6
again "expired" brief
refute "expired between: not resumed" '^Reused'
expect "but refused as expired" 'certificate expired'

first alice
sed -i 's/^    ca      = {"users"}$/    ca      = {"users", "others"}/' "$HOUSE_CONF"
install -m 644 "$CA/other/ca.pem" /etc/gatewayd/ca/other.pem
printf 'ca "others" {\n    anchors    = "/etc/gatewayd/ca/other.pem"\n    revocation = "off"\n}\n' >>"$HOUSE_CONF"
check "another authority is accepted too" gatewayctl reload
again "other authorities" alice
refute "the authorities have changed between: not resumed" '^Reused'
expect "and let in by a full handshake" '^a line$'

first alice
crl_publish >/dev/null && gatewayctl reload >/dev/null
again "new list" alice
refute "a new revocation list between: not resumed" '^Reused'
expect "and let in by a full handshake" '^a line$'
done_with_it
