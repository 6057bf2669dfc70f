#!/usr/bin/env bash
# TLS to the service behind: the gateway proves itself where it is asked to, and passes nothing on to an upstream that
# does not prove who it is. The upstreams are openssl's s_server and socat.
. "$(dirname "$0")/lib.sh"
promise "an upstream that does not prove its name gets no octet of a client"
BACKENDS=/root/backends
eval "$(declare -f house_config | sed '1s/house_config/house_config_alone/')"
house_config() {
    free_port
    BACKEND_PORT=$PORT
    house_config_alone | awk -v port="$BACKEND_PORT" '
        /^listener "main"/ {
            print "ca \"backends\" {\n    anchors    = \"/etc/gatewayd/ca/backends.pem\"\n    crls       = {\"/etc/gatewayd/crl/\"}\n    revocation = \"require\"\n}"
        }
        /^service "echo"/ {echo = 1}
        echo && /upstream/ {
            print "    upstream = \"127.0.0.1:" port "\""
            print "    upstream_tls { ca = \"backends\"  name = \"db.example.test\"  certificate = \"/etc/gatewayd/tls/outward.pem\"  key = \"/etc/gatewayd/tls/outward.key\" }"
            echo = 0
            next
        }
        {print}'
}
eval "$(declare -f house_ca | sed '1s/house_ca/house_ca_alone/')"
# backend NAME OPTIONS...: a certificate of the authority for backends
backend() { gatewayctl ca issue "$CA/backends" --cn "$1" --out "$BACKENDS/$1" "${@:2}"; }
house_ca() {
    house_ca_alone && install -d -m 700 "$BACKENDS" && gatewayctl ca init "$CA/backends" --name "Example Backends CA" &&
        install -m 644 "$CA/backends/ca.pem" /etc/gatewayd/ca/backends.pem &&
        backend good --server --dns db.example.test && backend othername --server --dns x.example.test &&
        backend forclients --client --dns db.example.test && backend gone --server --dns db.example.test &&
        backend old --server --dns db.example.test --not-after "$(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%SZ)" &&
        gatewayctl ca issue "$CA/servers" --cn db --server --dns db.example.test --out "$BACKENDS/foreign" &&
        gatewayctl ca issue "$CA/users" --cn gateway --client --out /etc/gatewayd/tls/outward &&
        gatewayctl ca revoke "$CA/backends" "$BACKENDS/gone.pem" &&
        gatewayctl ca crl "$CA/backends" --days 7 --out /etc/gatewayd/crl/backends.crl
}
house_up

BACKEND=
backend_stop() { [ -z "$BACKEND" ] || { kill "$BACKEND" && wait "$BACKEND"; } 2>/dev/null; BACKEND=; }
# backend_start CERTIFICATE ARGS...: an echo of reversed lines over TLS
backend_start() {
    backend_stop
    openssl s_server -accept "127.0.0.1:$BACKEND_PORT" -cert "$BACKENDS/$1.pem" -key "$BACKENDS/$1.key" -rev "${@:2}" >"$DIR/log/backend.log" 2>&1 &
    BACKEND=$!
    within 5000 listening "$BACKEND_PORT"
}
ask() { printf 'stressed\n' | laptop timeout 10 mtls connect echo.example.test 2>&1; }

backend_start good
OUT=$(ask)
expect "the right upstream is reached over TLS" '^desserts$'
backend_start good -tls1_3 -Verify 1 -verify_return_error -CAfile "$CA/users/ca.pem"
OUT=$(ask)
expect "and where it asks for a certificate it gets the gateway's" '^desserts$'
OUT=$(cat "$DIR/log/backend.log")
expect "whose key has never left the key process" 'CN = gateway'

# refused WHAT CERTIFICATE DETAIL ARGS...
refused() {
    backend_start "$2" "${@:4}"
    OUT=$(ask)
    refute "$1: nothing comes through" desserts
    expect "$1: the client reads one sentence" 'did not prove who it is'
    OUT=$(cat "$DIR/log/backend.log")
    refute "$1: no octet of the client's has reached it" stressed
    sleep 0.2
    OUT=$(record_where '.ev=="close"')
    expect "$1: the record has this reason" '"reason_code":"upstream_tls_failed"'
    OUT=$(printf '%s' "$OUT" | jq -r '.detail // .reason_text')
    expect "$1: and says which check failed ($3)" "$3"
}
refused "another name" othername 'not for db.example.test'
refused "another authority" foreign 'cert_unknown_ca'
refused "expired" old 'cert_expired'
refused "revoked" gone 'cert_revoked'
refused "a client's certificate" forclients 'cert_eku'
refused "TLS 1.2 where our own certificate is shown" good 'protocol version|unsupported protocol' -tls1_2
backend_stop

socat "TCP-LISTEN:$BACKEND_PORT,bind=127.0.0.1,reuseaddr,fork" SYSTEM:'echo SSH-2.0-plain; cat >/root/plain.out' 2>/dev/null &
BACKEND=$!
within 5000 listening "$BACKEND_PORT"
OUT=$(ask)
expect "plain text: refused" 'did not prove who it is'
OUT=$(tr -d '\0' </root/plain.out)
refute "plain text: no octet of the client's has reached it" stressed
backend_stop
socat "TCP-LISTEN:$BACKEND_PORT,bind=127.0.0.1,reuseaddr,fork" SYSTEM:'sleep 30' 2>/dev/null &
BACKEND=$!
within 5000 listening "$BACKEND_PORT"
START=$(now_ms)
OUT=$(ask)
expect "one that hangs: refused" 'did not prove who it is'
TOOK=$(($(now_ms) - START))
if [ "$TOOK" -lt 5000 ]; then good "after $TOOK ms"; else bad "only after $TOOK ms"; fi
backend_stop

# A new certificate, a new name, no TLS at all: by a reload, and live sessions go on.
backend_start othername
sed -i 's/name = "db.example.test"/name = "x.example.test"/' "$HOUSE_CONF"
check "another name is taken by a reload" gatewayctl reload
OUT=$(ask)
expect "and counts at once" '^desserts$'
OUT=$(grep -h sign_refused "$DIR/log/gatewayd.log")
refute "the key process has signed all that it was asked" .
backend_stop
done_with_it
