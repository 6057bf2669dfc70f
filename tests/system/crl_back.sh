#!/usr/bin/env bash
# A revocation list that is put back to an older one frees nobody, over a restart too, until the operator makes the
# gateway forget what was in force, in the way that docs/data-plane.md says. A new server certificate is noticed.
. "$(dirname "$0")/lib.sh"
promise "no revocation list goes back, until an operator says so"
house_up
cat >/etc/gatewayd/policy.d/10-house.conf <<'END'
rule "everybody" { services = {"echo"} ca = {"users"} }
END
gatewayctl reload >/dev/null || die "the rule does not load"
gets_in() { echo hello | mtls_as "${1:-alice}" connect echo.example.test 2>/dev/null | grep -q hello; }
stays_out() { ! gets_in "$@"; }
logged() { grep -q -- "$1" "$DIR/log/gatewayd.log"; }
LIST=/etc/gatewayd/crl/users.crl

if within 3000 gets_in bob; then good "bob is in"; else bad "bob is not in"; fi
cp "$LIST" "$DIR/older.crl"
sleep 1.1 # lists have times of whole seconds
gatewayctl ca revoke "$CA/users" "$CERTS/bob.pem" >/dev/null 2>&1 || die "bob cannot be revoked"
crl_publish >/dev/null || die "no list"
if within 3000 stays_out bob; then good "the new list counts after ${WITHIN} ms: bob is out"; else bad "bob is still in"; fi

install -m 644 "$DIR/older.crl" "$LIST.new" && mv "$LIST.new" "$LIST"
if within 3000 logged crl_rollback; then good "the log says that an older list has come"; else bad "nobody says that an older list has come"; fi
if gets_in bob; then bad "an older list lets bob in"; else good "the older list lets nobody in"; fi
OUT=$(gatewayctl --json status | jq -c .load_errors)
expect "status shows it" 'crl_rollback'
gateway_stop
gateway_start
within 5000 gets_in alice || bad "alice is not in after the restart"
if gets_in bob; then bad "a restart lets bob in"; else good "a restart lets nobody in either"; fi

# --- the same while the daemon is away: it starts with the older list
crl_publish >/dev/null || die "no list"
within 3000 stays_out bob || bad "bob is in with the newer list"
gateway_stop
install -m 644 "$DIR/older.crl" "$LIST.new" && mv "$LIST.new" "$LIST"
: >"$DIR/log/gatewayd.log"
gateway_start
within 5000 gets_in alice || bad "alice is not in after a start with the older list"
if gets_in bob; then bad "an older list, put back while the daemon was away, lets bob in"; else good "one put back while the daemon was away lets nobody in"; fi
OUT=$(gatewayctl --json status | jq -c .load_errors)
expect "status warns of it after the start" 'the one in force of 20[^"]* stays.*"reason":"crl_rollback"'
if logged crl_rollback; then good "the log too"; else bad "the log does not say it"; fi
rm "$DIR"/older.crl

rm /var/lib/gatewayd/trust
gatewayctl reload >/dev/null || bad "the reload fails"
if within 3000 gets_in bob; then good "what was in force is forgotten: the older list counts"; else bad "bob stays out"; fi
if [ -s /var/lib/gatewayd/trust ]; then good "and is remembered from now on"; else bad "the list in force is not remembered"; fi

# --- a new certificate of the gateway
certificate() { openssl s_client -connect "127.0.0.1:$GW_PORT" -servername echo.example.test </dev/null 2>/dev/null | openssl x509 -noout -serial; }
OLD=$(certificate)
gatewayctl ca issue "$CA/servers" --cn gateway --server --dns echo.example.test --dns '*.example.test' --out "$DIR/next" >/dev/null || die "no certificate"
install -m 644 "$DIR/next.pem" /etc/gatewayd/tls/server.pem && install -m 600 "$DIR/next.key" /etc/gatewayd/tls/server.key
is_new() { local now; now=$(certificate) && [ -n "$now" ] && [ "$now" != "$OLD" ]; }
if within 5000 is_new; then good "a new certificate and its key are noticed: $(certificate)"; else bad "new clients do not see the new certificate"; fi
if gets_in alice; then good "and get in"; else bad "nobody gets in with the new certificate"; fi
done_with_it
