#!/usr/bin/env bash
# PostgreSQL's clients ask for TLS in clear text first. The listener answers them, takes nothing in clear text but that
# request, and the others on the same listener notice nothing.
. "$(dirname "$0")/lib.sh"
promise "psql connects as it is, is told why when it is denied, and nothing is taken in clear text"
house_up

free_port
python3 "$TOP/tests/system/postgres_upstream.py" "$PORT" >>"$DIR/log/postgres.log" 2>&1 &
within 5000 listening "$PORT" || bad "the upstream does not listen"
sed -i "/^service \"trace\"/,/^}/ { s/upstream *=.*/upstream = \"127.0.0.1:$PORT\"\n    protocol = \"postgres\"/; /send_proxy/d }" "$HOUSE_CONF"
cat >>/etc/gatewayd/policy.d/10-house.conf <<'EOF2'
rule "bob may not use the database" {
    effect   = "deny"
    services = {"trace"}
    users    = {"bob"}
    message  = "the database is not for bob"
}
EOF2
run gatewayctl reload
expect_rc "a PostgreSQL service from now on" 0

cmd_psql_as() {
    CMD=(laptop psql -X -A -t -c 'select 1' "host=trace.example.test hostaddr=127.0.0.1 port=$GW_PORT user=app dbname=app
        connect_timeout=10 sslmode=${2:-verify-full} sslrootcert=$CERTS/ca.pem sslcert=$CERTS/$1.pem sslkey=$CERTS/$1.key")
}
psql_as() { cmd_psql_as "$@" && "${CMD[@]}"; }
run psql_as alice
expect "alice queries the database" '^hello app$'
run psql_as bob
expect "bob is told why" 'FATAL: +gatewayd: the database is not for bob \(decision [0-9a-f]{32}\)'
run psql_as alice disable
expect "without TLS nobody gets in" 'TLS is required'
within 2000 eval '[ -n "$(record_where ".reason_code == \"postgres_plain\"")" ]' || bad "no record postgres_plain"
run mtls_as alice connect echo </dev/null
expect_rc "another client of the same listener" 0

# Octet by octet, what psql does not do.
cat >/tmp/client.py <<'EOF2'
import socket, ssl, struct, sys, time

port, certs, what = int(sys.argv[1]), sys.argv[2], sys.argv[3]
SSL, GSS = struct.pack("!II", 8, 80877103), struct.pack("!II", 8, 80877104)
plain = socket.create_connection(("127.0.0.1", port))
plain.settimeout(5)


def session():
    context = ssl.create_default_context(cafile=certs + "/ca.pem")
    context.load_cert_chain(certs + "/alice.pem", certs + "/alice.key")
    context.set_alpn_protocols(["postgresql"])
    tls = context.wrap_socket(plain, server_hostname="trace.example.test")
    tls.sendall(struct.pack("!II", 18, 3 << 16) + b"user\0app\0\0")
    got = b""
    while b"Z\0\0\0\5I" not in got:
        got += tls.recv(4096)
    print("session", tls.selected_alpn_protocol())


if what == "slowly":
    for octet in SSL:
        plain.sendall(bytes([octet]))
        time.sleep(0.02)
    print("answer", plain.recv(1))
    session()
elif what == "direct":
    session()
elif what == "gss":
    plain.sendall(GSS)
    print("answer", plain.recv(1))
    plain.sendall(SSL)
    print("answer", plain.recv(1))
    session()
else:
    octets = {"twice": SSL + SSL, "injected": SSL + b"\x16\x03\x01", "startup": struct.pack("!II", 18, 3 << 16) + b"user\0app\0\0",
              "cancel": struct.pack("!IIII", 16, 80877102, 1, 2), "zeros": bytes(8), "gss-twice": GSS}[what]
    plain.sendall(octets)
    if what == "gss-twice":
        print("answer", plain.recv(1))
        plain.sendall(GSS)
    try:
        print("answer", plain.recv(4096))
    except ConnectionResetError:
        print("answer reset")
EOF2
client() { python3 /tmp/client.py "$GW_PORT" "$CERTS" "$1"; }
run client slowly
expect "eight octets, one by one: S" "^answer b'S'"
expect "eight octets, one by one: a session" '^session'
run client direct
expect "TLS at once, with its ALPN" '^session postgresql$'
run client gss
expect "GSSAPI is refused" "^answer b'N'"
expect "GSSAPI is refused, TLS follows" '^session'
for what in twice injected zeros cancel; do
    run client "$what"
    refute "$what: no answer" "b'S'"
    expect "$what: the end" "^answer (b''|reset)"
done
within 2000 eval '[ "$(record_count ".reason_code == \"postgres_prelude\"")" -gt 0 ]' || bad "no record postgres_prelude"
cancel_named() { record_where '.reason_code == "postgres_prelude"' | grep -q 'a cancel request has no session here'; }
check "a cancel request is named" within 3000 cancel_named # equal refusals of a second share a record
run client gss-twice
expect "GSSAPI asked for twice: the end" "^answer (b''|reset)"
run client startup
expect "a StartupMessage: an ErrorResponse" "^answer b'E.*28000.*TLS is required"
done_with_it
