#!/usr/bin/env bash
# A certificate is allowed by the ca section that its chain ends in now, not by the one it ended in at the handshake:
# sections change their order and their anchors while connections wait and while sessions live.
. "$(dirname "$0")/lib.sh"
promise "a right rests on the ca section that is in force"
eval "$(declare -f house_config | sed '1s/house_config/house_config_alone/')"
house_config() {
    install -m 644 "$CA/other/ca.pem" /etc/gatewayd/ca/other.pem
    gatewayctl ca crl "$CA/other" --days 7 --out /etc/gatewayd/crl/other.crl >/dev/null
    house_config_alone | sed -e 's/ca       = {"users"}/ca       = {"users", "partners"}/; s/    ca      = {"users"}/    ca      = {"users", "partners"}/' |
        awk '/^listener "main"/ {
            print "ca \"partners\" {\n    anchors    = \"/etc/gatewayd/ca/other.pem\"\n    crls       = {\"/etc/gatewayd/crl/\"}\n    revocation = \"require\"\n}"
        } {print}'
}
house_up
cat >/etc/gatewayd/policy.d/10-house.conf <<'EOF'
rule "users only" { services = {"echo"} ca = {"users"} }
EOF
gatewayctl reload >/dev/null || die "the second ca section does not load"
grep -q '^ca "partners"' "$HOUSE_CONF" || die "the house's configuration has another form now"

# stranger.pem says alice@example.test too, but the other CA has signed it: the section "partners".
# late SECONDS: through the handshake, then a pause, then the request for echo.
late() {
    laptop sh -c "{ sleep $1; printf '\\001\\000\\004echo'; sleep 1; printf 'ping\\n'; sleep 1; } |
        openssl s_client -quiet -alpn mtls-gw/1 -CAfile $CERTS/ca.pem -cert $CERTS/stranger.pem -key $CERTS/stranger.key \
            -connect 127.0.0.1:$GW_PORT 2>/dev/null"
}
swap() { # sections in the other order: their indexes change, nothing else
    sed -n '/^ca "users" {/,/^}/p' "$HOUSE_CONF" >/root/users.part
    sed -n '/^ca "partners" {/,/^}/p' "$HOUSE_CONF" >/root/partners.part
    sed -e '/^ca "users" {/,/^}/d; /^ca "partners" {/,/^}/d' "$HOUSE_CONF" >/root/rest.part
    cat /root/partners.part /root/users.part /root/rest.part >"$HOUSE_CONF"
}

OUT=$(late 0 | tr -d '\0')
refute "the other CA's certificate gets no byte" ping
late 3 >/root/late.out &
LATE=$!
sleep 1
swap
gatewayctl reload >/dev/null || bad "the swapped sections do not load"
wait "$LATE"
OUT=$(tr -d '\0' </root/late.out)
refute "nor across a reload that changes the order of the sections" ping
OUT=$(record_where '.ev=="open" and (.cert.issuer|test("Users")|not)')
refute "no record says that it was allowed" .

(echo hello; sleep 8) | laptop mtls connect echo.example.test >/root/live.out 2>&1 &
LIVE=$!
if within 5000 grep -q hello /root/live.out; then good "alice is in by the section users"; else bad "alice is not in"; fi
sed -i 's,/ca/users.pem,/ca/x.pem,; s,/ca/other.pem,/ca/users.pem,; s,/ca/x.pem,/ca/other.pem,' "$HOUSE_CONF"
gatewayctl reload >/dev/null || bad "the exchanged anchors do not load"
ended() { [ "$(gatewayctl --json sessions list | jq length)" = 0 ]; }
if within 1000 ended; then good "her CA is another section now: ended after $WITHIN ms"; else bad "her session lives on"; fi
kill "$LIVE" 2>/dev/null
done_with_it
