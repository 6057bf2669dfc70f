#!/usr/bin/env bash
# A service of `protocol = "http"`: each request carries who the client is, no client can say that itself, requests that
# could be read in two ways are refused, and everything else passes through as it is.
. "$(dirname "$0")/lib.sh"
promise "an HTTP service hears who the client is from the gateway alone, and no request smuggles another"
house_up

free_port
python3 "$TOP/tests/system/http_upstream.py" "$PORT" >>"$DIR/log/http.log" 2>&1 &
within 5000 listening "$PORT" || bad "the upstream does not listen"
sed -i "/^service \"web\"/,/^}/ { s/upstream = .*/upstream = \"127.0.0.1:$PORT\"\n    protocol = \"http\"/ }" "$HOUSE_CONF"
cat >>/etc/gatewayd/policy.d/10-house.conf <<'EOF2'
rule "bob may not use the web" {
    effect   = "deny"
    services = {"web"}
    users    = {"bob"}
    message  = "the web is not for bob"
}
EOF2
run gatewayctl reload
expect_rc "the web service speaks HTTP from now on" 0

URL=https://web.example.test:$GW_PORT
# web_as NAME ARGS...: curl with the certificate of NAME
cmd_web_as() {
    CMD=(laptop curl -sS --max-time 60 --http1.1 --resolve "web.example.test:$GW_PORT:127.0.0.1" --cacert "$CERTS/ca.pem"
        --cert "$CERTS/$1.pem" --key "$CERTS/$1.key" "${@:2}")
}
web_as() { cmd_web_as "$@" && "${CMD[@]}"; }
# raw NAME SERVERNAME: standard input goes through TLS as it is, the answer comes out
raw() { s_client "$@" -ign_eof 2>/dev/null; }
header() { printf '%s' "$OUT" | jq -r --arg name "$1" '[.headers[] | select(.[0] | ascii_downcase == ($name | ascii_downcase)) | .[1]] | join("|")'; }
# heard NAME VALUE: the upstream got exactly one header of this name with this value
heard() {
    local value
    value=$(header "$1")
    if [ "$value" = "$2" ]; then good "$1 is $2"; else bad "$1 is '$value', not '$2'"; fi
}

# --- who it is ---
run web_as alice "$URL/headers" -H 'X-Gateway-User: root' -H 'x_gateway_user: root' -H 'X.Gateway.User: root' -H 'X-WebAuth-User: root' -H 'Client-Cert: :AAAA:' \
    -H 'X-Forwarded-For: 192.0.2.1' -H 'Remote-User: root' -H 'Connection: X-Gateway-User, X-Hop' -H 'X-Hop: 1' -H 'X-Mine: 2'
heard X-Gateway-User alice
heard X_Gateway_User ''
heard X.Gateway.User ''
heard X-WebAuth-User ''
heard Remote-User ''
heard X-Hop ''
heard X-Mine 2
heard X-Forwarded-For 127.0.0.1
heard X-Forwarded-Host "web.example.test:$GW_PORT"
heard X-Forwarded-Proto https
heard X-Gateway-Rule 'people%20use%20the%20small%20services'
heard Client-Cert ":$(laptop openssl x509 -in "$CERTS/alice.pem" -outform DER | base64 -w0):"
if header X-Gateway-Groups | grep -q '"people"'; then good "the groups are there"; else bad "X-Gateway-Groups is '$(header X-Gateway-Groups)'"; fi
id=$(header X-Gateway-Session)
if [ -n "$(record_where ".ev == \"open\" and .sid == \"$id\"")" ]; then good "X-Gateway-Session is in the log"; else bad "no record of '$id'"; fi

# A group that is lost is not told any longer on a connection that goes on.
mkfifo /tmp/keep && chown laptop:laptop /tmp/keep
raw alice web.example.test </tmp/keep >/tmp/kept &
exec 7>/tmp/keep
printf 'GET /headers HTTP/1.1\r\nHost: web.example.test\r\n\r\n' >&7
within 3000 grep -q '"ops' /tmp/kept || bad "alice is not in ops: $(cat /tmp/kept)"
group_member delete ops alice >/dev/null
sleep 1
printf 'GET /headers HTTP/1.1\r\nHost: web.example.test\r\nConnection: close\r\n\r\n' >&7
within 3000 eval '[ "$(grep -c X-Gateway-Groups /tmp/kept)" = 2 ]' || bad "no second answer: $(cat /tmp/kept)"
OUT=$(grep X-Gateway-Groups /tmp/kept | tail -n 1)
refute "the next request on the same connection does not name the lost group" '"ops'
exec 7>&-
group_member add ops alice >/dev/null

# --- what passes ---
run web_as alice "$URL/headers" "$URL/headers" -w '%{num_connects}\n'
expect "two requests on one connection" '^0$'
run web_as alice -I "$URL/download/12345"
expect "HEAD" '^Content-Length: 12345'
run web_as alice "$URL/chunks"
expect "a response in chunks" '^one two three$'
run web_as alice -w '%{http_code}' "$URL/socket"
expect "no switch without asking" '426$'
head -c 104857600 /dev/urandom >/tmp/big && chmod 644 /tmp/big
SUM=$(sha256sum </tmp/big | cut -d' ' -f1)
run web_as alice -T /tmp/big "$URL/up"
expect "100 MB up by length" "^104857600 $SUM"
run web_as alice -T /tmp/big -H 'Transfer-Encoding: chunked' "$URL/up"
expect "100 MB up in chunks" "^104857600 $SUM"
OUT=$(web_as alice "$URL/download/104857600" | sha256sum)
WANTED=$(python3 -c 'import sys; [sys.stdout.buffer.write(bytes(range(256)) * 256) for _ in range(1600)]' | sha256sum)
expect "100 MB down" "$WANTED"
run web_as alice -d small -H 'Expect: 100-continue' "$URL/up"
expect "100-continue" '^5 '
OUT=$(printf 'GET /headers HTTP/1.1\r\nHost: web.example.test\r\nX-Gateway-User: root\r\nConnection: close\r\n\r\n' | mtls_as alice connect web | tail -n 1)
heard X-Gateway-User alice

OUT=$(python3 - "$GW_PORT" "$CERTS" <<'EOF2'
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2] + "/ca.pem")
context.load_cert_chain(sys.argv[2] + "/alice.pem", sys.argv[2] + "/alice.key")
tls = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="web.example.test")
tls.settimeout(5)
tls.sendall(b"GET /socket HTTP/1.1\r\nHost: web.example.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x00at once")
got = b""
while b"at once" not in got:
    got += tls.recv(4096)
tls.sendall(b"\x00GET / nonsense\r\n\x00")
while b"nonsense" not in got:
    got += tls.recv(4096)
print(got)
EOF2
)
expect "a websocket: 101" '101 Switching'
expect "a websocket: its key" 's3pPLMBiTxaQ9kYGzzhZRbK'
expect "a websocket: octets both ways" 'you said: .*nonsense'

# Three requests in one write: answered in order.
OUT=$(printf 'GET /chunks HTTP/1.1\r\nHost: web.example.test\r\n\r\nPOST /up HTTP/1.1\r\nHost: web.example.test\r\nContent-Length: 3\r\n\r\nabcHEAD / HTTP/1.1\r\nHost: web.example.test\r\nConnection: close\r\n\r\n' | raw alice web.example.test | tr -d '\r' | grep -E '^(HTTP|3 |three)' | cut -c1-14 | tr '\n' ' ')
expect "pipelined requests" '^HTTP/1.1 200 O three HTTP/1.1 200 O 3 ba7816bf8f01 HTTP/1.1 200 O $'

# This upstream does not read the body of a GET, and takes it for a request unless it hears that nothing follows.
HIDDEN='GET /headers HTTP/1.1\r\nHost: web.example.test\r\nX-Gateway-User: root\r\n\r\n'
LEN=$(printf '%b' "$HIDDEN" | wc -c)
OUT=$(printf '%b' "GET /chunks HTTP/1.1\r\nHost: web.example.test\r\nContent-Length: $LEN\r\n\r\n${HIDDEN}GET /chunks HTTP/1.1\r\nHost: web.example.test\r\nConnection: close\r\n\r\n" | raw alice web.example.test)
expect "a GET with a body is answered" 'three'
refute "a request in the body of a GET is not served" 'root|X-Gateway-User'
OUT=$(grep -c three <<<"$OUT")
expect "the next one is" '^2$'

# Nor the body of a POST, and goes on whatever it hears: its connection is not used again, the client's is.
OUT=$(printf '%b' "POST /unread HTTP/1.1\r\nHost: web.example.test\r\nContent-Length: $LEN\r\n\r\n${HIDDEN}GET /headers HTTP/1.1\r\nHost: web.example.test\r\nX-Second: 2\r\n\r\nGET /headers HTTP/1.1\r\nHost: web.example.test\r\nConnection: close\r\n\r\n" | raw alice web.example.test)
refute "nobody gets the answer to a request in the body of a POST" 'root'
expect "the request behind it has its own answer" 'X-Second'
OUT=$(tr -d '\r' <<<"$OUT" | grep -o '"port": [0-9]*' | sort | uniq -c)
expect "the two behind it share another connection to the service" '^ *2 '
run web_as alice -d small "$URL/up" "$URL/up" -w '%{num_connects}\n'
expect "bodies do not end the client's connection" '^0$'

# --- what is refused ---
# refused WHAT STATUS REASON REQUEST
refused() {
    OUT=$(printf '%b' "$4" | raw alice web.example.test | tr -d '\r')
    expect "$1: $2" "^HTTP/1.1 $2 "
    if within 2000 eval "[ \"\$(record_count '.ev == \"close\" and .reason_code == \"$3\"')\" -gt 0 ]"; then good "$1: record $3"; else bad "$1: no record $3"; fi
}
refused "two lengths" 400 http_ambiguous 'POST / HTTP/1.1\r\nHost: web.example.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n'
refused "a folded header" 400 http_malformed 'GET / HTTP/1.1\r\nHost: web.example.test\r\nX: a\r\n b\r\n\r\n'
refused "a LF alone" 400 http_malformed 'GET / HTTP/1.1\nHost: web.example.test\n\n'
refused "another service's Host" 421 http_misdirected 'GET / HTTP/1.1\r\nHost: echo.example.test\r\n\r\n'
OUT=$(record_where '.reason_code == "http_misdirected"' | jq -r .detail; grep 'reason=http_misdirected' "$DIR/log/gatewayd.log")
expect "the record says which Host" '^Host: echo\.example\.test$'
expect "the log too" 'detail="Host: echo\.example\.test"'
refused "TRACE" 405 http_unsupported 'TRACE / HTTP/1.1\r\nHost: web.example.test\r\n\r\n'
refused "HTTP/2" 505 http_unsupported 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
refused "a long line" 414 http_too_large "GET /$(head -c 9000 /dev/zero | tr '\0' x) HTTP/1.1\\r\\n\\r\\n"
refused "a bad response" 502 http_bad_response 'GET /both HTTP/1.1\r\nHost: web.example.test\r\n\r\n'
refused "no response" 502 http_bad_response 'GET /gone HTTP/1.1\r\nHost: web.example.test\r\n\r\n'
OUT=$(printf 'GET /twice HTTP/1.1\r\nHost: web.example.test\r\n\r\n' | raw alice web.example.test)
expect "the first of two responses" '^first'
refute "the second of two responses does not get through" '^second'
run web_as alice "$URL/short"
expect "a response that is cut short is seen to be" 'transfer closed|unexpected eof|bytes remaining'
OUT=$(grep -c http_refused "$DIR/log/gatewayd.log")
expect "refusals are in the log" '^[1-9]'

# --- who is denied ---
run web_as bob -w '%{http_code}' "$URL/headers"
expect "bob: 403" '403$'
expect "bob is told why" 'the web is not for bob'
expect "and which decision it was" '\(decision [0-9a-f]{32}\)'
OUT=$(web_as bob -I "$URL/headers" 2>&1)
expect "bob: 403 for HEAD" '^HTTP/1.1 403 '
OUT=$(printf 'GET / HTTP/1.1\r\nHost: web.example.test\r\n\r\nGET / garbage' | raw bob web.example.test)
expect "pipelined garbage is ignored" '^HTTP/1.1 403 '

# --- who loses the right in the middle of a response ---
cmd_web_as alice -N "$URL/trickle"
"${LAPTOP[@]}" "${CMD[@]:1}" >/tmp/trickle 2>&1 &
# shellcheck disable=SC2034 # in the words for eval
CURL=$!
within 5000 grep -q xx /tmp/trickle || bad "no trickle: $(cat /tmp/trickle)"
gatewayctl lock add user alice --message "lost her laptop" >/dev/null
if within 2000 eval '! kill -0 $CURL 2>/dev/null'; then good "the response is cut"; else bad "the response goes on"; fi
OUT=$(cat /tmp/trickle)
expect "and is seen to be" 'curl: \((18|56)\)'
done_with_it
