#!/usr/bin/env bash
# A service with several places: connections are spread, a place that is lost, hangs or comes back costs nobody a
# connection, and when all are lost each is named.
. "$(dirname "$0")/lib.sh"
promise "several upstreams share the connections, failing ones are skipped"
house_up

cat >/usr/local/sbin/place <<'EOP'
#!/usr/bin/env python3
# place PORT [hang]: says its port to who connects, then echoes. hang: takes no connection, its backlog is full.
import os, socket, sys, threading
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(sys.argv[1])))
listening.listen(0 if sys.argv[2:] == ["hang"] else 64)
if sys.argv[2:] == ["hang"]:
    kept = [socket.socket() for _ in range(8)]
    for client in kept:
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", int(sys.argv[1])))
    threading.Event().wait()
def serve(client):
    client.sendall(("place %s\n" % sys.argv[1]).encode())
    while octets := client.recv(65536):
        client.sendall(octets)
    client.close()
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
EOP
chmod 755 /usr/local/sbin/place
PORTS=() PIDS=()
for i in 0 1 2; do
    free_port
    PORTS[i]=$PORT
done
begin_place() { # begin_place NUMBER [hang]
    place "${PORTS[$1]}" ${2:+"$2"} >>"$DIR/log/place.log" 2>&1 &
    PIDS[$1]=$!
    # A look with a connection would stand in a full backlog.
    within 5000 sh -c "ss -Hltn 'sport = :${PORTS[$1]}' | grep -q ."
}
end_place() { { kill -KILL "${PIDS[$1]}" && wait "${PIDS[$1]}"; } 2>/dev/null; }
for i in 0 1 2; do begin_place $i; done

printf '127.0.0.1 place.example.test\n' >>/etc/hosts
cat >>"$HOUSE_CONF" <<EOF
service "many" {
    listener = {"main"}
    sni      = {"many.example.test"}
    upstream = {"127.0.0.1:${PORTS[0]}", "place.example.test:${PORTS[1]}", "127.0.0.1:${PORTS[2]}"}
    health_interval = "1s"
}
service "unchecked" {
    listener = {"main"}
    sni      = {"unchecked.example.test"}
    upstream = {"127.0.0.1:${PORTS[0]}", "127.0.0.1:${PORTS[1]}", "127.0.0.1:${PORTS[2]}"}
    health_interval = "0s"
}
EOF
sed -i 's/"echo", "web", "trace"/"echo", "web", "trace", "many", "unchecked"/' /etc/gatewayd/policy.d/10-house.conf
check "the configuration with lists is taken" gatewayctl reload

state_of() { gatewayctl --json status | jq -r "[.upstreams[] | select(.service == \"many\" and (.upstream | endswith(\":${PORTS[$1]}\")))][0].$2"; }
is_state() { [ "$(state_of "$1" state)" = "$2" ]; }
has_sessions() { [ "$(state_of "$1" sessions)" = "$2" ]; }
check "the name has an address" within 5000 is_state 1 up

trace_state() { gatewayctl --json status | jq -r '[.upstreams[] | select(.service == "trace")][0].state'; }
OUT=$(trace_state)
expect "nobody knows of a place that nobody has tried" '^unknown$'
laptop mtls connect trace >/dev/null 2>&1 </dev/null
OUT=$(trace_state)
expect "the first connection shows it" '^(up|down)$'

# hold NUMBER: a connection that stays; what it said is in /tmp/held.NUMBER
HELD=()
hold() {
    mkfifo "/tmp/in.$1"
    "${LAPTOP[@]}" mtls connect many <"/tmp/in.$1" >"/tmp/held.$1" 2>&1 &
    HELD+=($!)
    # shellcheck disable=SC2034 # stays open: the client sends no end
    exec {FD}>"/tmp/in.$1"
    within 5000 grep -q place "/tmp/held.$1"
}
for n in 1 2 3 4 5 6 7 8 9; do hold $n; done
OUT=$(cat /tmp/held.* | sort | uniq -c)
for i in 0 1 2; do expect "place $i has three of nine connections" "^ *3 place ${PORTS[i]}$"; done
for i in 0 1 2; do check "and the status counts them ($i)" within 2000 has_sessions $i 3; done

# connects N [SERVICE]: so many connections; RC is 0 when all were served, OUT what they said
connects() {
    OUT='' RC=0
    local said
    for _ in $(seq "$1"); do
        said=$(laptop mtls connect "${2:-many}" 2>&1 </dev/null) || RC=1
        OUT+="$said"$'\n'
    done
}

end_place 1
connects 6
expect_rc "with one place dead everybody is served" 0
refute "by the others" "place ${PORTS[1]}"
check "the status says that it is down" within 3000 is_state 1 down
OUT=$(gatewayctl --json status | jq -c '.upstreams[] | select(.state == "down" and .service == "many")')
expect "why" 'Connection refused'
expect "and since when" '"since_ms":[0-9]{13}'
run gatewayctl status
expect "in words too" 'down'
sleep 2.5
OUT=$(grep -c "event=upstream_down upstream=\"127.0.0.1:${PORTS[1]}\"" "$DIR/log/gatewayd.log")
expect "the log says it once, however many checks fail" '^1$'
begin_place 1
check "a check brings it back, without a client" within 4000 is_state 1 up
OUT=$(cat "$DIR/log/gatewayd.log")
expect "which the log says too" "event=upstream_up upstream=\"127.0.0.1:${PORTS[1]}\""
connects 3
expect "it has lost its sessions, so the next connections are its own" "place ${PORTS[1]}"

# The first client that meets a hanging place waits for its share of the time, the others not at all.
end_place 2
begin_place 2 hang
T0=$(now_ms)
connects 3 unchecked
expect_rc "with one place hanging everybody is served" 0
TOOK=$(($(now_ms) - T0))
if [ $TOOK -lt 3000 ]; then good "in $TOOK ms for three of them"; else bad "after $TOOK ms"; fi
check "checks find the hanging one too" within 6000 is_state 2 down
OUT=$(state_of 2 detail)
expect "as one that does not answer" 'no answer in time'

# decide is lost: sessions count where they are.
BEFORE=$(state_of 0 sessions)
kill -KILL "$(gw_pids decide)"
check "the gateway is back" within 5000 gatewayctl status
check "a new decide counts the old sessions ($BEFORE)" within 5000 has_sessions 0 "$BEFORE"
OUT=$BEFORE
expect "which there were" '[1-9]'

end_place 0
end_place 1
run laptop mtls connect many
expect_rc "with all places lost nobody is served" '!0'
# Close records wait for the next batch.
unreachable() { record_where '.reason_code == "upstream_unreachable" and .ev == "close"' | grep .; }
within 3000 unreachable
OUT=$(unreachable)
for i in 0 1; do expect "the record names place $i with its error" "127.0.0.1:${PORTS[i]}: Connection refused"; done
expect "and the hanging one" "127.0.0.1:${PORTS[2]}: no answer in time"
end_place 2
for i in 0 1 2; do begin_place $i; done
connects 1
expect_rc "the first client after that is served at once" 0

# Where a session went is in its records.
closed() { record_where '.ev == "close" and .service == "many" and .reason_code != "upstream_unreachable"' | grep .; }
within 3000 closed
OUT=$(closed)
expect "the close record says where the octets went" '"upstream":"127\.0\.0\.1:[0-9]+"'

kill "${HELD[@]}" 2>/dev/null
done_with_it
