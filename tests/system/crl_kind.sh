#!/usr/bin/env bash
# Whoever answers in place of a web server chooses among all lists that an authority has signed: one that is newer and
# covers something else must not take the place of the one that revokes.
. "$(dirname "$0")/lib.sh"
promise "a fetched list cannot be displaced by another signed list"
WEB=$DIR/web
mkdir -p "$WEB" "$DIR/db"
free_port
LIST_PORT=$PORT
cat >"$DIR/db/openssl.cnf" <<END
[ca]
default_ca = users
[users]
database = $DIR/db/index
crlnumber = $DIR/db/number
default_md = sha256
[whole]
authorityKeyIdentifier = keyid:always
[authorities]
authorityKeyIdentifier = keyid:always
issuingDistributionPoint = critical,@point
[point]
onlyCA = TRUE
END
: >"$DIR/db/index"
echo 01 >"$DIR/db/number"
users_ca() { openssl ca -config "$DIR/db/openssl.cnf" -keyfile "$CA/users/ca.key" -cert "$CA/users/ca.pem" "$@" 2>>"$DIR/log/openssl.log"; }
# list SECONDS KIND
list() {
    users_ca -gencrl -crlsec "$1" -crlexts "$2" -out "$DIR/db/list.pem" &&
        openssl crl -in "$DIR/db/list.pem" -outform DER -out "$WEB/new" && mv "$WEB/new" "$WEB/users.crl"
}
gets_in() { echo hello | mtls_as "$1" connect echo.example.test 2>/dev/null | grep -q hello; }
refused() { gatewayctl --json status | jq -e '.processes[] | select(.role=="fetch") | .counters.sources[] | select(.error=="fetch_refused" and (.detail|test("distribution point")))'; }

# shellcheck disable=SC2317 # in place of the house's own
eval "$(declare -f house_config | sed '1s/house_config/house_config_alone/')"
house_config() {
    house_config_alone | sed "s|^    crls .*|    crls       = {\"http://127.0.0.1:$LIST_PORT/users.crl\"}|; s|^    revocation .*|    revocation = \"if-present\"|"
}
python3 "$TOP/tests/system/fake_web.py" "$LIST_PORT" "$WEB" >>"$DIR/log/web.log" 2>&1 &
WEB_PID=$!
within 5000 listening "$LIST_PORT"
house_up
cat >/etc/gatewayd/policy.d/10-house.conf <<'END'
rule "everybody" { services = {"echo"} ca = {"users"} }
END
gatewayctl reload >/dev/null || die "the rule does not load"
person alice lost >/dev/null
if gets_in lost; then good "a certificate gets in"; else bad "a certificate does not get in"; fi
users_ca -revoke "$CERTS/lost.pem" >/dev/null
list 20 whole
gateway_stop
gateway_start
stays_out() { ! gets_in lost; }
if within 8000 stays_out; then good "its authority revokes it: it stays outside"; else bad "a revoked certificate gets in"; fi
list 3600 authorities
if within 30000 refused >/dev/null; then good "a newer list, for authorities only, is refused, and status says so"; else bad "status does not say that the list was refused"; fi
if gets_in lost; then bad "the revoked certificate gets in"; else good "the revoked certificate stays outside"; fi
list 3600 whole
: >"$DIR/log/gatewayd.log"
fetched() { grep -q 'event=crl_fetched' "$DIR/log/gatewayd.log"; }
if within 60000 fetched; then good "the next list of the first kind is taken"; else bad "the address takes no list any more"; fi
if gets_in lost; then bad "the revoked certificate gets in"; else good "and the certificate stays outside"; fi
kill "$WEB_PID"
done_with_it
