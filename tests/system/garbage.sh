#!/usr/bin/env bash
# Bad input of any kind gets a clear end, costs bounded memory and time, and never ends a process.
. "$(dirname "$0")/lib.sh"
promise "garbage ends a connection, never a process"
house_up
pids() { pgrep -f '^gatewayd: ' | sort | tr '\n' ' '; }
# shellcheck disable=SC2046 # a list of paths
rss() { awk '/VmRSS/ {n += $2} END {print n + 0}' /dev/null $(pgrep -f '^gatewayd: ' | sed 's,.*,/proc/&/status,'); }
before=$(pids)
memory=$(rss)
net() { laptop timeout "${2:-5}" socat -t 1 - "TCP:127.0.0.1:$GW_PORT" >/dev/null 2>&1 <"$1"; }

head -c 100000 /dev/urandom >/tmp/noise && net /tmp/noise
printf 'GET / HTTP/1.0\r\n\r\n' >/tmp/http && net /tmp/http
printf 'SSH-2.0-OpenSSH_9.2\r\n' >/tmp/ssh && net /tmp/ssh
printf '\x16\x03\x01\x40\x00' >/tmp/record && head -c 16384 /dev/zero >>/tmp/record && net /tmp/record
printf '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00' >/tmp/hello && net /tmp/hello
: >/tmp/nothing && net /tmp/nothing
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do head -c $((n * 37)) /dev/urandom >/tmp/noise && net /tmp/noise 2; done
good "noise has been sent"

# A chain of 400 certificates, about 200 KiB, behind a good leaf.
{ cat "$CERTS/alice.pem" && for n in $(seq 400); do cat "$CERTS/bob.pem"; done; } >/tmp/long.pem
cp /tmp/long.pem "$CERTS/long.pem" && cp "$CERTS/alice.key" "$CERTS/long.key" && chown laptop "$CERTS"/long.*
run timeout 20 laptop openssl s_client -quiet -CAfile "$CERTS/ca.pem" -servername echo.example.test -cert "$CERTS/long.pem" \
    -cert_chain "$CERTS/long.pem" -key "$CERTS/long.key" -connect "127.0.0.1:$GW_PORT"
refute "a chain of 400 certificates gets no echo" '^echo$'

# A name of 10,000 letters, a NUL in a name: certificates that the CA has signed.
big=$(head -c 10000 /dev/zero | tr '\0' a)
laptop openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$CERTS/big.key" -out /tmp/big.csr -subj "/CN=big" >/dev/null 2>&1
printf 'subjectAltName=email:%s@example.test\nextendedKeyUsage=clientAuth\n' "$big" >/tmp/big.ext
openssl x509 -req -in /tmp/big.csr -CA "$CA/users/ca.pem" -CAkey "$CA/users/ca.key" -set_serial 77 -days 1 -extfile /tmp/big.ext \
    -out "$CERTS/big.pem" >/dev/null 2>&1
chown laptop "$CERTS"/big.*
run mtls_as big connect echo.example.test
expect_rc "a name of 10,000 letters is refused" '!0'

# Half a handshake held open, many times, does not keep others out.
for n in $(seq 100); do laptop timeout 8 socat -u "TCP:127.0.0.1:$GW_PORT" - >/dev/null 2>&1 & done
sleep 0.5
OUT=$(echo still here | laptop timeout 8 mtls connect echo.example.test 2>&1)
expect "a hundred silent connections do not keep alice out" '^still here$'

# The local sockets.
for sock in pam control; do
    for n in 1 5 8 9 100 16384 70000; do
        head -c "$n" /dev/urandom | laptop timeout 3 socat -t 1 -b 100000 - "UNIX-CONNECT:/run/gatewayd/$sock.sock,type=5" >/dev/null 2>&1
    done
    printf 'GWP1\xff\x01\x00\x00' | laptop timeout 3 socat -t 1 - "UNIX-CONNECT:/run/gatewayd/$sock.sock,type=5" >/dev/null 2>&1
done
check "the control socket still answers" gatewayctl status

# A broken configuration and policy: all errors at once with file and line, and the running ones stay.
cp "$HOUSE_CONF" /root/good.conf
printf 'edges = 0\nedges = 1\nlistener "main" { adress = {} }\n' >>"$HOUSE_CONF"
run gatewayctl check
expect_rc "check finds the errors" '!0'
expect "a repeated option with its line" 'gatewayd\.conf:[0-9]+.*edges'
expect "a misspelt one with its line" 'gatewayd\.conf:[0-9]+.*adress'
run gatewayctl reload
expect_rc "reload refuses it" '!0'
cp /root/good.conf "$HOUSE_CONF"
printf 'rule "x" { services = {"ssh"} grups = {"people"} }\n' >/etc/gatewayd/policy.d/20-broken.conf
run gatewayctl reload
expect "a broken policy with file and line" '20-broken\.conf:1'
OUT=$(echo after | laptop mtls connect echo.example.test 2>&1)
expect "the last good policy stays" '^after$'
rm /etc/gatewayd/policy.d/20-broken.conf && gatewayctl reload >/dev/null
printf 'not a crl' >/etc/gatewayd/crl/broken.crl
gatewayctl reload >/dev/null 2>&1
OUT=$(echo after | laptop mtls connect echo.example.test 2>&1)
expect "a broken revocation list costs nobody the good one" '^after$'
rm /etc/gatewayd/crl/broken.crl && gatewayctl reload >/dev/null 2>&1

sleep 1
if [ "$(pids)" = "$before" ]; then good "the same processes as before"; else bad "processes before: $before after: $(pids)"; fi
grown=$(($(rss) - memory))
if [ "$grown" -lt 20000 ]; then good "memory grew by $grown KiB"; else bad "memory grew by $grown KiB"; fi
done_with_it
