#!/usr/bin/env bash
# Time and memory of sessions have limits: idle ones and old ones end with their reason, slow readers cost what a
# buffer holds, and a side that has finished does not end the other.
. "$(dirname "$0")/lib.sh"
HOUSE_EDGES=1
promise "idle and old sessions end, half-closed ones go on, slow readers cost bounded memory"
house_up

cat >/usr/local/sbin/pour <<'EOP'
#!/usr/bin/env python3
# pour PORT: a service that sends without an end to each client, and after a half-close of the client says "bye".
import socket, sys, threading
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(sys.argv[1])))
listening.listen(256)
def serve(client):
    want = client.recv(5)
    try:
        if want == b"pour\n":
            while True:
                client.sendall(bytes(65536))
        while client.recv(65536):
            pass
        client.sendall(b"bye\n")
    except OSError:
        pass
    client.close()
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
EOP
chmod 755 /usr/local/sbin/pour
free_port
POUR_PORT=$PORT
pour "$POUR_PORT" >>"$DIR/log/pour.log" 2>&1 &
within 5000 listening "$POUR_PORT"
cat >>"$HOUSE_CONF" <<EOF
service "pour" { listener = {"main"} sni = {"pour.example.test"} upstream = "127.0.0.1:$POUR_PORT" }
service "brief" { listener = {"main"} sni = {"brief.example.test"} upstream = "127.0.0.1:$ECHO_PORT" idle_timeout = "2s" }
service "short" { listener = {"main"} sni = {"short.example.test"} upstream = "127.0.0.1:$ECHO_PORT" max_duration = "4s" }
EOF
sed -i 's/"echo", "web", "trace"/"echo", "web", "trace", "pour", "brief", "short"/' /etc/gatewayd/policy.d/10-house.conf
check "the configuration is taken" gatewayctl reload

# hold SERVICE NAME: a session whose input is the pipe IN
hold() {
    mkfifo "/tmp/$2.in"
    "${LAPTOP[@]}" mtls connect "$1" <"/tmp/$2.in" >"/tmp/$2" 2>&1 &
    HELD=$!
    exec {IN}>"/tmp/$2.in"
    echo "$2 begins" >&"$IN"
    within 5000 grep -q begins "/tmp/$2"
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
close_of() { record_where ".ev == \"close\" and .service == \"$1\"" | jq -r '"\(.reason_code) \(.dur_ms)"'; }
closed_as() { close_of "$1" | grep -q "^$2 "; }

hold brief talking
TALKING=$HELD TALK=$IN
hold brief silent
SILENT=$HELD
hold short busy
BUSY=$HELD BUSY_IN=$IN
hold echo forever
FOREVER=$HELD
for _ in 1 2 3 4 5 6 7; do # seven half seconds: longer than the limit of the one that is silent
    sleep 0.5
    echo word >&"$TALK"
    echo word >&"$BUSY_IN"
done
if is_gone "$SILENT"; then good "a silent session ends"; else bad "a silent session is still there after 3.5 s"; fi
OUT=$(close_of brief)
expect "after the two seconds of its service" '^idle (2|3)[0-9]{3}$'
if is_gone "$TALKING"; then bad "one that talks ended too"; else good "one that talks goes on"; fi
check "a busy one ends when it is too old" within 2500 is_gone "$BUSY"
check "with the reason session_too_long" within 1000 closed_as short session_too_long
OUT=$(close_of short)
expect "on time" '^session_too_long (4|5)[0-9]{3}$'
exec {TALK}>&-
if is_gone "$FOREVER"; then bad "one without limits ended"; else good "one without limits goes on"; fi

# An input that ends is a half-close: what the service says after it still comes.
run laptop sh -c 'printf "hello" | mtls connect pour'
expect "after the client's end the service has the last word" '^bye$'

# A hundred clients that read nothing of an endless answer.
edge_kb() { awk '/^VmRSS/ {print $2}' "/proc/$(gw_pids edge 0)/status"; }
BEFORE=$(edge_kb)
cat >/tmp/slow.py <<'EOP'
import socket, ssl, sys, time
port, certificate, key, ca = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)
context.check_hostname = False
clients = []
for _ in range(100):
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", port))
    client = context.wrap_socket(plain, server_hostname="pour.example.test")
    client.sendall(b"pour\n")
    clients.append(client)
print("all are there", flush=True)
time.sleep(60)
EOP
"${LAPTOP[@]}" python3 /tmp/slow.py "$GW_PORT" "$CERTS/alice.pem" "$CERTS/alice.key" "$CERTS/ca.pem" >/tmp/slow 2>&1 &
SLOW=$!
check "a hundred slow readers are there" within 20000 grep -q 'all are there' /tmp/slow
sleep 2
FULL=$(edge_kb)
EACH=$(((FULL - BEFORE) / 100))
OUT="$BEFORE KiB before, $FULL KiB then: $EACH KiB each"
# 96 KiB that one socket did not take (WIRE_KEPT_MAX), and what TLS holds.
if [ "$EACH" -le 140 ]; then good "each costs $EACH KiB"; else bad "each costs too much"; fi
T0=$(now_ms)
run laptop sh -c 'echo a good client | mtls connect echo'
expect "a good client beside them is served" 'a good client'
note "in $(($(now_ms) - T0)) ms"
sleep 2
AFTER=$(edge_kb)
OUT="$FULL KiB then, $AFTER KiB two seconds later"
if [ $((AFTER - FULL)) -lt 1024 ]; then good "and it grows no further"; else bad "it grows"; fi
kill "$SLOW" && wait "$SLOW" 2>/dev/null
given_back() { [ "$(edge_kb)" -lt $((BEFORE + (FULL - BEFORE) / 2)) ]; }
check "what they held is given back when they go" within 5000 given_back
kill "$FOREVER" 2>/dev/null
done_with_it
