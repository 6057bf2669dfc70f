#!/usr/bin/env bash
# Who has no good certificate gets no further than the handshake, learns which alert of RFC 8446 it was, and leaves a
# record with its own reason.
. "$(dirname "$0")/lib.sh"
promise "bad certificates are refused in the handshake, each with its alert and its reason"
house_up

# refused WHAT CERTIFICATE ALERT REASON [SERVERNAME]
refused() {
    local before
    before=$(record_count ".reason_code == \"$4\"")
    run s_client "$2" "${5:-echo.example.test}"
    expect "$1: alert '$3'" "$3"
    OUT=$(tail -n 3 "$DIR/log/gatewayd.log")
    if within 3000 eval "[ \"\$(record_count '.reason_code == \"$4\"')\" -gt $before ]"; then good "$1: record $4"; else bad "$1: no record $4"; fi
}

refused "another CA" stranger 'unknown ca' cert_unknown_ca
refused "expired" expired 'certificate expired' cert_expired
refused "revoked" revoked 'certificate revoked' cert_revoked
refused "no clientAuth" server-only 'unsupported certificate' cert_eku
issue "$CA/users" no-eku --cn alice --email alice@example.test --no-eku >/dev/null 2>&1
refused "no EKU at all" no-eku 'unsupported certificate' cert_eku
refused "no certificate" '' 'certificate required' tls_no_certificate

# A self-signed certificate that bears alice's names and claims to come from the CA.
laptop openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$CERTS/self.key" -out "$CERTS/self.pem" \
    -subj "/CN=Example Users CA" -addext "subjectAltName=email:alice@example.test" -addext "extendedKeyUsage=clientAuth" 2>/dev/null
refused "self-signed" self 'unknown ca|bad certificate' cert_unknown_ca

# alice's certificate with a key that is not hers: openssl itself refuses to use it, so the CA's word is forged instead:
# one octet of the signature changed.
laptop sh -c "openssl x509 -in $CERTS/alice.pem -outform DER -out /home/laptop/alice.der && cp $CERTS/alice.key $CERTS/forged.key"
flip_last() { # the last octet of the file, which belongs to the signature
    local size last
    size=$(stat -c %s "$1")
    last=$(tail -c 1 "$1" | od -An -tu1 | tr -d ' ')
    # shellcheck disable=SC2059 # an octal escape is the point
    printf "\\$(printf '%03o' $((last ^ 1)))" | dd of="$1" bs=1 seek=$((size - 1)) conv=notrunc status=none
}
flip_last /home/laptop/alice.der
laptop openssl x509 -inform DER -in /home/laptop/alice.der -out "$CERTS/forged.pem"
refused "a forged signature" forged 'bad certificate|decrypt error|unknown ca' cert_signature

run s_client alice nowhere.example.test
expect "a server name that no service has: alert 'unrecognized name'" 'unrecognized name'
run laptop timeout 10 openssl s_client -tls1_2 -CAfile "$CERTS/ca.pem" -cert "$CERTS/alice.pem" -key "$CERTS/alice.key" \
    -servername echo.example.test -connect "127.0.0.1:$GW_PORT"
expect "TLS 1.2: alert 'protocol version'" 'protocol version'

# The revocation list is missing or too old: deny, as `revocation = "require"` says.
mv /etc/gatewayd/crl/users.crl /root/users.crl && gatewayctl reload >/dev/null 2>&1
refused "no revocation list" alice 'certificate unknown|bad certificate|certificate revoked|internal error' crl_missing
mv /root/users.crl /etc/gatewayd/crl/users.crl && gatewayctl reload >/dev/null 2>&1
echo_works() { [ "$(echo again | laptop mtls connect echo.example.test 2>&1)" = again ]; }
if within 3000 echo_works; then good "and with it again alice is in"; else bad "alice is not in again"; fi
done_with_it
