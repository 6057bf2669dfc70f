#!/usr/bin/env bash
# Behind a load balancer the limits, the policy and the record see the client's address, as long as the balancer is one that
# the listener trusts; nobody else may say another address than his own.
. "$(dirname "$0")/lib.sh"
promise "a trusted proxy names the client's address, an untrusted one names nothing"
house_up

# with_proxy VERSION NETWORK: the listener takes such headers from there
with_proxy() {
    sed -i -E '/^ *(proxy_protocol|trusted_proxies) /d' "$HOUSE_CONF"
    sed -i "/^listener \"main\"/a\\    proxy_protocol  = \"$1\"\n    trusted_proxies = {$2}" "$HOUSE_CONF"
    gatewayctl reload
}
cat >>/etc/gatewayd/policy.d/10-house.conf <<'EOF2'
rule "not from the hotel" {
    effect   = "deny"
    services = {"echo"}
    networks = {"198.51.100.0/24"}
    message  = "not from the hotel"
}
EOF2

cat >/tmp/client.py <<'EOF2'
import socket, ssl, struct, sys

port, certs, what, own = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(source, command=0x21, family=0x11, more=b""):
    body = socket.inet_aton(source) + socket.inet_aton("203.0.113.1") + struct.pack("!HH", 4711, 443) + more
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


HEADERS = {
    "none": b"",
    "v1": b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 443\r\n",
    "v1-hotel": b"PROXY TCP4 198.51.100.9 203.0.113.1 4711 443\r\n",
    "v1-unknown": b"PROXY UNKNOWN\r\n",
    "v1-lf": b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 443\n",
    "v2": v2("192.0.2.7"),
    "v2-tlvs": v2("192.0.2.7", more=b"\x01\0\x02h2\x04\0\x00"),
    "v2-bad-tlv": v2("192.0.2.7", more=b"\x01\0\xffh2"),
    "v2-local": SIGNATURE + b"\x20\0\0\0",
    "v2-udp": v2("192.0.2.7", family=0x12),
    "v2-huge": SIGNATURE + b"\x21\x11\xff\xff",
}
plain = socket.socket()
plain.bind((own, 0))
plain.connect(("127.0.0.1", port))
plain.settimeout(5)
header = HEADERS[what]
if len(sys.argv) > 5:  # octet by octet
    for octet in header:
        plain.sendall(bytes([octet]))
else:
    plain.sendall(header)
context = ssl.create_default_context(cafile=certs + "/ca.pem")
context.load_cert_chain(certs + "/alice.pem", certs + "/alice.key")
try:
    tls = context.wrap_socket(plain, server_hostname="echo.example.test")
    tls.sendall(b"ping")
    print("got", tls.recv(16))
except OSError as error:
    print("refused", error)
EOF2
client() { python3 /tmp/client.py "$GW_PORT" "$CERTS" "$@"; }
last_open() { record_where '.ev == "open"' | jq -r '"\(.src | sub(":.*"; "")) \(.dst) via \(.peer.via_proxy // "nobody" | sub(":.*"; ""))"'; }
# gets_in WHAT SEEN ARGS...
gets_in() {
    local what=$1 seen=$2
    shift 2
    run client "$@"
    expect "$what: in" "got b'ping'"
    OUT=$(last_open)
    expect "$what: the record says $seen" "^$seen"
}
# stays_out WHAT REASON ARGS...
stays_out() {
    local what=$1 reason=$2 before
    shift 2
    before=$(record_count ".reason_code == \"$reason\"")
    run client "$@"
    expect "$what: out" "^refused|got b''"
    # Equal refusals of a second share a record.
    if within 3000 eval "[ \"\$(records | jq -r 'select(.reason_code == \"$reason\") | .count // 1' | awk '{n += \$1} END {print n + 0}')\" -gt $before ]"; then good "$what: record $reason"; else bad "$what: no record $reason"; fi
}

run with_proxy v1 '"127.0.0.0/30"'
expect_rc "version 1 from 127.0.0.0/30" 0
gets_in "version 1" '192.0.2.7 203.0.113.1:443 via 127.0.0.1' v1 127.0.0.1
gets_in "version 1, octet by octet" '192.0.2.7 203.0.113.1:443 via 127.0.0.1' v1 127.0.0.1 slowly
gets_in "an address that needs no header" '127.0.0.9 127.0.0.1:[0-9]+ via nobody' none 127.0.0.9
stays_out "a spoofed header" tls_failed v1 127.0.0.9
stays_out "no header from the proxy" proxy_header none 127.0.0.1
stays_out "version 2 instead" proxy_header v2 127.0.0.1
stays_out "UNKNOWN" proxy_header v1-unknown 127.0.0.1
stays_out "a LF alone" proxy_header v1-lf 127.0.0.1
stays_out "the policy looks at the client's address" rule_deny v1-hotel 127.0.0.1

run with_proxy v2 '"127.0.0.1"'
expect_rc "version 2 from 127.0.0.1" 0
gets_in "version 2" '192.0.2.7 203.0.113.1:443 via 127.0.0.1' v2 127.0.0.1
gets_in "version 2 with TLVs" '192.0.2.7 203.0.113.1:443 via 127.0.0.1' v2-tlvs 127.0.0.1
gets_in "version 2, octet by octet" '192.0.2.7 203.0.113.1:443 via 127.0.0.1' v2-tlvs 127.0.0.1 slowly
gets_in "the proxy's own connection" '127.0.0.1 127.0.0.1:[0-9]+ via nobody' v2-local 127.0.0.1
stays_out "another spoofed header" tls_failed v2 127.0.0.9
stays_out "version 1 instead" proxy_header v1 127.0.0.1
stays_out "a TLV that runs past the end" proxy_header v2-bad-tlv 127.0.0.1
stays_out "UDP" proxy_header v2-udp 127.0.0.1
stays_out "64 KiB" proxy_header v2-huge 127.0.0.1

# A balancer that looks whether the gateway is there is no stranger: a counter, no record.
cat >/tmp/look.py <<'EOF2'
import socket, struct, sys
for header in b"", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0":
    for reset in False, True:
        s = socket.socket()
        s.bind((sys.argv[2], 0))
        s.connect(("127.0.0.1", int(sys.argv[1])))
        s.sendall(header)
        if reset:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            s.shutdown(socket.SHUT_WR)
            s.settimeout(5)
            try:
                s.recv(1)
            except ConnectionResetError:
                pass
        s.close()
EOF2
looks() { gatewayctl --json status | jq '[.. | .health_checks? // empty] | add // 0'; }
refused_rows() { gatewayctl --json status | jq '[.refused_handshakes[]?, .denials[]?] | length'; }
denied() { record_count '.ev == "deny"'; }
looked() { [ "$(looks)" -ge "$1" ]; }
sleep 1.5 # refusals of before are told once a second
DENIED=$(denied)
ROWS=$(refused_rows)
run python3 /tmp/look.py "$GW_PORT" 127.0.0.1
expect_rc "four health checks" 0
check "they are counted" within 4000 looked 4
sleep 1.5
OUT="$(denied) $(refused_rows)"
expect "no record and no row of them" "^$DENIED $ROWS$"
stays_out "half a header is none" proxy_header v1-lf 127.0.0.1
run python3 /tmp/look.py "$GW_PORT" 127.0.0.9
gone_unproxied() { [ "$(denied)" -gt "$((DENIED + 1))" ]; }
check "from elsewhere there is a record" within 4000 gone_unproxied

# The limit per source is the client's, not the proxy's.
sed -i 's/max_handshakes_per_source = .*/max_handshakes_per_source = 4/' "$HOUSE_CONF"
gatewayctl reload >/dev/null 2>&1
python3 - "$GW_PORT" >/tmp/held <<'EOF2' &
import socket, sys, time
held = []
for i in range(40):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, 100]) + bytes([203, 0, 113, 1]) + b"\x10\x00\x01\xbb")
    held.append(s)
print("held", flush=True)
time.sleep(60)
EOF2
HOLDER=$!
within 5000 grep -q held /tmp/held
gets_in "a client beside one that holds all its places" '192.0.2.7 203.0.113.1:443 via 127.0.0.1' v2 127.0.0.1
within 3000 eval '[ "$(record_count ".reason_code == \"too_many_handshakes\"")" -gt 0 ]' || bad "nobody was over the limit"
kill "$HOLDER"

# What cannot be meant is refused.
sed -i '/trusted_proxies/d' "$HOUSE_CONF"
run gatewayctl check
expect "no trusted_proxies: an error" 'proxy_protocol and trusted_proxies need each other'
done_with_it
