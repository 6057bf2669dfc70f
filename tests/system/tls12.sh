#!/usr/bin/env bash
# TLS 1.2 where a section asks for it, and then only in its safe form: the same certificates are refused, by the same
# reasons; everywhere else 1.3 remains the least.
. "$(dirname "$0")/lib.sh"
promise "min_version = \"1.2\" lets TLS 1.2 in, with ECDHE, AEAD and the extended master secret, and nothing else"
house_up

# client12 NAME ARGS...: one line to echo and back over TLS 1.2
client12() {
    local name=$1
    shift
    laptop sh -c "{ printf 'over 1.2\n'; sleep 1; } | timeout 10 openssl s_client -quiet -tls1_2 -verify_return_error -CAfile $CERTS/ca.pem \
        -servername echo.example.test -connect 127.0.0.1:$GW_PORT ${name:+-cert $CERTS/$name.pem -key $CERTS/$name.key} $*" 2>&1
}

OUT=$(client12 alice)
expect "without the option: alert 'protocol version'" 'protocol version'
sed -i 's,^tls "default" {,&\n    min_version = "1.2",' "$HOUSE_CONF"
check "the option is taken by a reload" gatewayctl reload
OUT=$(client12 alice)
expect "alice is in over TLS 1.2" '^over 1.2$'
OUT=$(record_where '.ev=="open"')
expect "the record says 1.2" '"ver":"1.2"'
expect "and the cipher" '"cipher":"ECDHE-ECDSA-AES128-GCM-SHA256"'
laptop sh -c "{ printf 'over 1.3\n'; sleep 1; } | timeout 10 openssl s_client -quiet -CAfile $CERTS/ca.pem -servername echo.example.test \
    -connect 127.0.0.1:$GW_PORT -cert $CERTS/alice.pem -key $CERTS/alice.key" >/dev/null 2>&1
OUT=$(record_where '.ev=="open"')
expect "who can speak 1.3 does" '"ver":"1.3"'

OUT=$(client12 alice -cipher ECDHE-ECDSA-AES128-SHA256)
refute "no cipher without AEAD" '^over 1.2$'
OUT=$(client12 alice -tls1_1 -cipher ALL:@SECLEVEL=0)
refute "no TLS 1.1" '^over 1.2$'

# refused WHAT NAME ALERT REASON
refused() {
    local before
    before=$(record_count ".reason_code == \"$4\"")
    OUT=$(client12 "$2")
    expect "$1: alert '$3'" "$3"
    if within 3000 eval "[ \"\$(record_count '.reason_code == \"$4\"')\" -gt $before ]"; then good "$1: record $4"; else bad "$1: no record $4"; fi
}
refused "another CA" stranger 'unknown ca' cert_unknown_ca
refused "expired" expired 'certificate expired' cert_expired
refused "revoked" revoked 'certificate revoked' cert_revoked
refused "no certificate" '' 'handshake failure' tls_no_certificate

# "R" asks s_client to renegotiate.
OUT=$(laptop sh -c "{ printf 'before\n'; sleep 1; printf 'R\n'; sleep 1; } | timeout 10 openssl s_client -tls1_2 -CAfile $CERTS/ca.pem \
    -servername echo.example.test -connect 127.0.0.1:$GW_PORT -cert $CERTS/alice.pem -key $CERTS/alice.key" 2>&1)
expect "before it the session works" '^before$'
expect "renegotiation is refused" 'no renegotiation'
OUT=$(grep -h 'sign_refused' "$DIR/log/gatewayd.log")
refute "the key process has signed all that it was asked" .
done_with_it
