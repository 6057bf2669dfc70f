#!/usr/bin/env bash
# An upstream learns by the PROXY header who is there and how that was proved, in the form that haproxy defined.
. "$(dirname "$0")/lib.sh"
promise "the PROXY header says who is there, and a decoder that is not ours agrees"
house_up

cat >/usr/local/sbin/told <<'EOP'
#!/usr/bin/env python3
# told PORT: reads a PROXY v2 header, checks its CRC-32C, answers what it says as JSON, a line; then echoes.
import json, socket, struct, sys, threading
TABLE = []
for i in range(256):
    for _ in range(8):
        i = (i >> 1) ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)
def crc32c(octets):
    crc = 0xFFFFFFFF
    for octet in octets:
        crc = (crc >> 8) ^ TABLE[(crc ^ octet) & 255]
    return crc ^ 0xFFFFFFFF
def exactly(client, n):
    octets = b""
    while len(octets) < n:
        part = client.recv(n - len(octets))
        if not part:
            raise EOFError
        octets += part
    return octets
def tlvs(octets, base):
    at = 0
    while at < len(octets):
        kind, n = struct.unpack_from(">BH", octets, at)
        assert at + 3 + n <= len(octets)
        yield kind, octets[at + 3:at + 3 + n], base + at + 3
        at += 3 + n
def decode(head, body):
    assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n"
    said = {"command": head[12], "family": head[13], "groups": [], "order": []}
    source, destination, sport, dport = struct.unpack_from(">4s4sHH", body)
    said["source"] = "%s:%d" % (socket.inet_ntoa(source), sport)
    said["destination"] = "%s:%d" % (socket.inet_ntoa(destination), dport)
    for kind, value, at in tlvs(body[12:], 28):
        if kind not in said["order"]:
            said["order"].append(kind)
        if kind == 0x03:
            whole = bytearray(head + body)
            whole[at:at + 4] = bytes(4)
            said["crc"] = crc32c(bytes(whole)) == struct.unpack(">I", value)[0]
        elif kind == 0x20:
            said["client"], said["verify"] = struct.unpack_from(">BI", value)
            for sub, text, _ in tlvs(value[5:], 0):
                said["%02x" % sub] = text.hex() if sub == 0x28 else text.decode()
        elif kind == 0xE1:
            said["groups"].append(value.decode())
        elif kind == 0x05:
            said["id"] = value.hex()
        else:
            said["%02x" % kind] = value.decode()
    return said
def serve(client):
    try:
        head = exactly(client, 16)
        said = decode(head, exactly(client, struct.unpack(">H", head[14:])[0]))
    except Exception as trouble:
        said = {"trouble": repr(trouble)}
    client.sendall(json.dumps(said).encode() + b"\n")
    while octets := client.recv(65536):
        client.sendall(octets)
    client.close()
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(sys.argv[1])))
listening.listen(64)
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
EOP
chmod 755 /usr/local/sbin/told
free_port
TOLD_PORT=$PORT
told "$TOLD_PORT" >>"$DIR/log/told.log" 2>&1 &
within 5000 listening "$TOLD_PORT"
cat >>"$HOUSE_CONF" <<EOF
service "told" {
    listener   = {"main"}
    sni        = {"told.example.test"}
    upstream   = "127.0.0.1:$TOLD_PORT"
    send_proxy = "v2"
}
EOF
sed -i 's/"echo", "web", "trace"/"echo", "web", "trace", "told"/' /etc/gatewayd/policy.d/10-house.conf
check "the configuration is taken" gatewayctl reload

run laptop sh -c 'echo behind the header | mtls connect told'
SAID=$(printf '%s\n' "$OUT" | head -n 1)
expect "what the client says comes behind the header" '^behind the header$'
# field JQ PATTERN WHAT
field() {
    OUT=$(printf '%s' "$SAID" | jq -rc "$1")
    expect "$3" "^$2\$"
}
field .command 33 "a proxied connection"
field .family 17 "over IPv4"
field .source '127\.0\.0\.1:[0-9]+' "the client's address"
field .destination "127\\.0\\.0\\.1:$GW_PORT" "the address that it reached"
field .crc true "the checksum"
field .client 7 "TLS, with a certificate in this connection and session"
field .verify 0 "which was verified"
field '.["21"]' 'TLSv1\.3' "TLS version"
field '.["22"]' alice "common name"
field '.["23"]' 'TLS_[A-Z0-9_]+' "cipher suite"
field '.["24"]' 'ecdsa-with-SHA256' "how the gateway's certificate is signed"
field '.["25"]' 'EC256' "the key of the gateway's certificate"
field '.["26"]' 'x25519|secp256r1|X25519' "key exchange"
field '.["27"]' 'ecdsa_secp256r1_sha256' "the gateway's signature scheme"
field '.["28"]' "$(openssl x509 -in "$CERTS/alice.pem" -outform DER | od -An -v -tx1 | tr -d ' \n')" "the whole client certificate"
field '.["02"]' 'gateway\.example\.test' "server name"
field '.["01"]' 'mtls-gw/1' "application protocol"
field '.["e0"]' alice "the directory's user"
field '.groups | sort | join(" ")' 'admins ops people' "all groups, nested ones too"
field '.order | map(tostring) | join(" ")' '1 2 3 5 32 224 225' "in the documented order"
field .id "$(record_where '.ev == "open" and .service == "told"' | jq -r .sid)" "the id is that of the record"

run mtls_as bob connect told
SAID=$(printf '%s\n' "$OUT" | grep '^{' | head -n 1)
field '.["22"]' bob "another client's name"
field '.["e0"]' bob "another client's user"
field '.groups | sort | join(" ")' 'people' "and groups"

# haproxy itself, where it is installed: it takes the header, and what it makes of it is the same.
if command -v haproxy >/dev/null; then
    free_port
    cat >/tmp/haproxy.cfg <<EOF
global
    log stdout format raw local0
defaults
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend in
    mode http
    bind 127.0.0.1:$PORT accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[fc_pp_authority] %[fc_pp_unique_id,hex] %[src]"
EOF
    haproxy -db -f /tmp/haproxy.cfg >"$DIR/log/haproxy.log" 2>&1 &
    within 5000 listening "$PORT"
    sed -i "s/127.0.0.1:$TOLD_PORT/127.0.0.1:$PORT/" "$HOUSE_CONF"
    gatewayctl reload >/dev/null
    run laptop sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | mtls connect told'
    ID=$(record_where '.ev == "open" and .service == "told"' | jq -r .sid)
    expect "haproxy reads the same name, id and address" "gateway\\.example\\.test ${ID^^} 127\\.0\\.0\\.1"
else
    note "haproxy is not installed: the decoder of this test stands alone"
fi
done_with_it
