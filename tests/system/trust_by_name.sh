#!/usr/bin/env bash
# A service may accept authorities of its own. Which ones count follows from the server name in the first message, or
# from the service that an mtls-gw/1 request names; what the service does not accept never reaches it.
. "$(dirname "$0")/lib.sh"
promise "each service is entered with certificates of its own authorities only"
eval "$(declare -f house_config | sed '1s/house_config/house_config_alone/')"
house_config() {
    install -m 644 "$CA/other/ca.pem" /etc/gatewayd/ca/other.pem
    gatewayctl ca crl "$CA/other" --days 7 --out /etc/gatewayd/crl/other.crl >/dev/null
    house_config_alone | awk '
        /^listener "main"/ {
            print "ca \"partners\" {\n    anchors    = \"/etc/gatewayd/ca/other.pem\"\n    crls       = {\"/etc/gatewayd/crl/\"}\n    revocation = \"require\"\n}"
        }
        {print}
        /^service "web"/ {print "    ca       = {\"partners\"}"}'
}
house_up
cat >/etc/gatewayd/policy.d/10-house.conf <<'EOP'
rule "everybody, so that only the authorities differ" { services = {"echo", "web", "trace"} }
EOP
# People of both authorities have the same mail addresses here: the mapping takes both.
sed -i 's/^    ca       = {"users"}$/    ca       = {"users", "partners"}/' "$HOUSE_CONF"
# The listener itself goes on to accept users only.
gatewayctl reload >/dev/null || die "the configuration of this test does not load"

get_web() { laptop sh -c "{ printf 'GET / HTTP/1.0\r\n\r\n'; sleep 1; } | timeout 10 openssl s_client -quiet -CAfile $CERTS/ca.pem \
    -servername web.example.test -connect 127.0.0.1:$GW_PORT -cert $CERTS/$1.pem -key $CERTS/$1.key" 2>&1; }
say_echo() { laptop sh -c "{ printf 'hello echo\n'; sleep 1; } | timeout 10 openssl s_client -quiet -CAfile $CERTS/ca.pem \
    -servername echo.example.test -connect 127.0.0.1:$GW_PORT -cert $CERTS/$1.pem -key $CERTS/$1.key" 2>&1; }

OUT=$(say_echo alice)
expect "a user is in where the listener's authorities count" '^hello echo$'
OUT=$(get_web stranger)
expect "a partner is in where partners are accepted" 'hello from the web service'
OUT=$(get_web alice)
expect "a user there is refused in the handshake" 'unknown ca'
OUT=$(say_echo stranger)
expect "a partner is refused at the listener's services" 'unknown ca'
OUT=$(record_where '.ev=="open" and .service=="web"')
expect "the record names the partner's authority" '"ca":"partners"'

# Through mtls-gw/1: the service is named after the handshake.
OUT=$(printf 'hello again\n' | mtls_as alice connect echo 2>&1)
expect "a user names a service of the listener's" '^hello again$'
OUT=$(mtls_as alice connect web </dev/null 2>&1)
expect "a user who names the partners' service after the handshake is refused" 'does not accept certificates of this authority'
if within 3000 eval "[ \"\$(record_count '.reason_code == \"service_ca\"')\" -ge 1 ]"; then good "with a record of its own"; else bad "no record service_ca"; fi
OUT=$(mtls_as stranger connect web </dev/null 2>&1)
refute "a partner without the server name of the partners' service has no handshake" 'hello from the web'

# A live session of a partner ends when the service no longer accepts partners.
laptop sh -c "sleep 20 | timeout 20 openssl s_client -quiet -CAfile $CERTS/ca.pem -servername web.example.test -connect 127.0.0.1:$GW_PORT \
    -cert $CERTS/stranger.pem -key $CERTS/stranger.key" >/dev/null 2>&1 &
LIVE=$!
one_live() { [ "$(gatewayctl --json sessions list | jq length)" = 1 ]; }
none_live() { [ "$(gatewayctl --json sessions list | jq length)" = 0 ]; }
if within 5000 one_live; then good "a partner is in for long"; else bad "no partner is in"; fi
sed -i '/^    ca       = {"partners"}$/d' "$HOUSE_CONF"
gatewayctl reload >/dev/null || bad "the change does not load"
if within 2000 none_live; then good "and is out after $WITHIN ms when the service takes users only"; else bad "the session lives on"; fi
OUT=$(get_web stranger)
expect "a new one is refused too" 'unknown ca'
kill "$LIVE" 2>/dev/null
done_with_it
