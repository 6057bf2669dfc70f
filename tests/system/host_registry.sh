#!/usr/bin/env bash
# One service for every host of the directory: the label that the wildcard matched names an entry, and the entry alone
# says where the connection goes.
. "$(dirname "$0")/lib.sh"
promise "wildcard names lead to hosts of the directory's registry, and nowhere else"
house_up

free_port
HOST_PORT=$PORT
# Each host says its address, then echoes.
for n in 1 2 3; do
    socat "TCP-LISTEN:$HOST_PORT,bind=127.0.0.6$n,reuseaddr,fork" "SYSTEM:echo host 127.0.0.6$n; cat" >>"$DIR/log/hosts.log" 2>&1 &
done
# A trap: what a client would reach if its own words led anywhere.
socat "TCP-LISTEN:$HOST_PORT,bind=127.0.0.1,reuseaddr,fork" "SYSTEM:echo trap" >>"$DIR/log/hosts.log" 2>&1 &

# host_put NAME ADDRESS...: adds an entry
host_put() {
    local name=$1
    shift
    { printf 'dn: cn=%s,ou=hosts,%s\nobjectClass: device\nobjectClass: ipHost\ncn: %s\n' "$name" "$HOUSE_BASE" "$name"
      printf 'ipHostNumber: %s\n' "$@"; } | ldapadd -Q -Y EXTERNAL -H ldapi://%2Frun%2Fhouse-slapd%2Fldapi
}
# host_move NAME ADDRESS
host_move() {
    printf 'dn: cn=%s,ou=hosts,%s\nchangetype: modify\nreplace: ipHostNumber\nipHostNumber: %s\n' "$1" "$HOUSE_BASE" "$2" | ldap_change
}
printf 'dn: ou=hosts,%s\nobjectClass: organizationalUnit\nou: hosts\n' "$HOUSE_BASE" |
    ldapadd -Q -Y EXTERNAL -H ldapi://%2Frun%2Fhouse-slapd%2Fldapi >/dev/null
host_put web1 127.0.0.61 >/dev/null
host_put web2 127.0.0.62 127.0.0.63 >/dev/null
host_put outside 192.0.2.1 >/dev/null

gatewayctl ca issue "$CA/servers" --cn gateway.example.test --server --dns gateway.example.test --dns ssh.example.test \
    --dns echo.example.test --dns '*.hosts.example.test' --dns '*.strict.example.test' --out /etc/gatewayd/tls/server2 >/dev/null
sed -i 's,/tls/server\.,/tls/server2.,' "$HOUSE_CONF"
cat >>"$HOUSE_CONF" <<EOF
service "hosts" {
    listener = {"main"}
    sni      = {"*.hosts.example.test"}
    upstream = "host:{sni.1}:$HOST_PORT"
    host_networks = {"127.0.0.0/24"}
}
service "strict" {
    listener = {"main"}
    sni      = {"*.strict.example.test"}
    upstream = "host:{sni.1}:$HOST_PORT"
}
EOF
sed -i 's/"echo", "web", "trace"/"echo", "web", "trace", "hosts", "strict"/' /etc/gatewayd/policy.d/10-house.conf
check "the configuration is taken" gatewayctl reload
known() { [ "$(gatewayctl --json status | jq .directory.hosts)" = "$1" ]; }
check "the replica has the three hosts" within 5000 known 3

to() { run laptop sh -c "mtls connect '$1' </dev/null"; }
to web1.hosts.example.test
expect "web1 leads to its address" '^host 127\.0\.0\.61$'
to WEB1.hosts.example.test
expect "in upper case too" '^host 127\.0\.0\.61$'
to web2.hosts.example.test
FIRST=$OUT
to web2.hosts.example.test
OUT=$(printf '%s\n%s\n' "$FIRST" "$OUT" | sort)
expect "web2 has two addresses" '^host 127\.0\.0\.62$'
expect "which are used in turn" '^host 127\.0\.0\.63$'

# refused NAME REASON WHAT
refused() {
    to "$1"
    expect_rc "$3 is refused" '!0'
    refute "$3 reaches nobody" 'host 127|trap'
    OUT=$(records | tail -n 3 | jq -c 'select(.ev == "deny")' | tail -n 1)
    expect "with the reason $2" "\"reason_code\":\"$2\""
}
refused web9.hosts.example.test no_host "a host without entry"
refused alice.hosts.example.test no_host "a user's name"
refused localhost.hosts.example.test no_host "a name that DNS would know"
refused outside.hosts.example.test host_address "an address outside of host_networks"
refused web1.strict.example.test host_address "a loopback address where nothing allows it"
run laptop sh -c 'mtls connect hosts </dev/null'
refute "the service without a host's name reaches nobody" 'host 127|trap'
run laptop sh -c 'mtls connect a.web1.hosts.example.test </dev/null'
refute "a longer name reaches nobody" 'host 127|trap'

# A name that is put into the client's own /etc/hosts or the gateway's means nothing.
printf '127.0.0.1 web9 web9.hosts.example.test\n' >>/etc/hosts
refused web9.hosts.example.test no_host "a name in /etc/hosts"

# hold NAME FILE: a session that stays
hold() {
    mkfifo "$2.in"
    "${LAPTOP[@]}" mtls connect "$1" <"$2.in" >"$2" 2>&1 &
    LIVE=$!
    # shellcheck disable=SC2034 # stays open: the client sends no end
    exec {FD}>"$2.in"
    within 5000 grep -q host "$2"
}
hold web2.hosts.example.test /tmp/other
OTHER=$LIVE
hold web1.hosts.example.test /tmp/live
LIVE_ID=$(record_where '.ev == "open" and .service == "hosts"' | jq -r .sid)
host_move web1 127.0.0.62 >/dev/null
gone_live() { ! kill -0 "$LIVE" 2>/dev/null; }
if within 1500 gone_live; then good "the host moved: its session ended"; else bad "the session to the old address is still there"; fi
closed_for() { record_where ".ev == \"close\" and .sid == \"$LIVE_ID\"" | grep -q "\"$1\""; }
check "because the host has another address" within 2000 closed_for host_changed
if kill -0 "$OTHER" 2>/dev/null; then good "the other host's session goes on"; else bad "the other host's session ended"; fi
to web1.hosts.example.test
expect "new sessions go to the new address" '^host 127\.0\.0\.62$'

hold web1.hosts.example.test /tmp/live2
LIVE_ID=$(record_where '.ev == "open" and .service == "hosts"' | jq -r .sid)
ldapdelete -Q -Y EXTERNAL -H ldapi://%2Frun%2Fhouse-slapd%2Fldapi "cn=web1,ou=hosts,$HOUSE_BASE"
if within 1500 gone_live; then good "the entry was deleted: its session ended"; else bad "the session of a deleted host is still there"; fi
check "because there is no such host" within 2000 closed_for no_host
refused web1.hosts.example.test no_host "a deleted host"

# What lies on disk has hosts too: a start without the directory knows them.
check "the hosts are on disk" within 6000 grep -qa web2 /var/lib/gatewayd/directory/replica
slapd_stop
gateway_stop
gateway_start || bad "no start without the directory"
check "the hosts are there before the directory is" within 5000 known 2
to web2.hosts.example.test
expect "and lead where they did" '^host 127\.0\.0\.6[23]$'
if kill -0 "$OTHER" 2>/dev/null; then kill "$OTHER"; fi
done_with_it
