#!/usr/bin/env bash
# A gateway that begins to fetch its revocation lists: an empty state folder, a list that has never come, and the way
# from a list in a file to one at an address. Nobody gets in without a list, and nobody is locked out by the change.
. "$(dirname "$0")/lib.sh"
promise "a section can begin to fetch, and says what it waits for"
WEB=$DIR/web
mkdir -p "$WEB"
free_port
LIST_PORT=$PORT
web_start() {
    python3 "$TOP/tests/system/fake_web.py" "$LIST_PORT" "$WEB" >>"$DIR/log/web.log" 2>&1 &
    WEB_PID=$!
    within 5000 listening "$LIST_PORT"
}
web_stop() { kill "$WEB_PID" && wait "$WEB_PID" 2>/dev/null; }
words() { # the words of crls of the section users
    sed -i "s|^    crls .*|    crls       = {$1}|" "$HOUSE_CONF" && gatewayctl reload >/dev/null
}
at() { printf '"http://127.0.0.1:%s/%s"' "$LIST_PORT" "$1"; }
gets_in() { echo hello | mtls_as "${1:-alice}" connect echo.example.test 2>/dev/null | grep -q hello; }
stays_out() { ! gets_in "$@"; }
status() { gatewayctl --json status | jq -c "$1"; }
status_has() { status "$1" | grep -q -- "$2"; }

# shellcheck disable=SC2317 # in place of the house's own
eval "$(declare -f house_config | sed '1s/house_config/house_config_alone/')"
house_config() { house_config_alone | sed "s|^    crls .*|    crls       = {$(at first.crl)}|"; }
house_up
cat >/etc/gatewayd/policy.d/10-house.conf <<'END'
rule "everybody" { services = {"echo"} ca = {"users"} }
END

# --- nothing has ever come
ready() { grep -q 'parent info event=ready' "$DIR/log/gatewayd.log"; }
within 5000 ready || bad "gatewayd is not ready" # status answers before the edges do
gateway_stop
rm -rf /var/lib/gatewayd/*
OUT=$(gatewayctl check 2>&1 && echo "exit 0")
expect "check warns of a list that has not come" 'warning: .*not fetched yet: nobody gets in until the first list has come'
expect "and is content" '^exit 0$'
if gatewayd -c "$HOUSE_CONF" --check >/dev/null 2>&1; then good "so is gatewayd --check"; else bad "gatewayd --check fails"; fi
gateway_start
failed() { status_has '.crl_sources[0]' '"error":"'; }
within 5000 failed || bad "status does not say that the fetch fails"
if gets_in; then bad "alice is in without any list"; else good "without a list nobody is in"; fi
OUT=$(status '.crl_sources[]')
expect "status has a row for the address" '"url":"http://127.0.0.1:[0-9]*/first.crl"'
expect "with the last try" '"last_try":"20[0-9-]*T[0-9:.]*Z"'
expect "and the next" '"next_try":"20[0-9-]*T[0-9:.]*Z"'
expect "and no nextUpdate" '"next_update":null'
OUT=$(status '.warnings')
expect "it warns of the address" 'no list has ever come from http:'
expect "and of the section" 'ca users: no revocation list is in force'
OUT=$(gatewayctl status)
expect "so it does for people" 'no list has ever come from http:'

# --- the first list, in PEM, after a reload
gatewayctl ca crl "$CA/users" --out "$WEB/first.crl" >/dev/null || die "no list"
web_start
gatewayctl reload >/dev/null || bad "the reload fails"
if within 4000 gets_in; then good "a reload hurries the fetch, and PEM is taken: alice is in after ${WITHIN} ms"; else bad "alice is not in"; fi
OUT=$(head -c 1 /var/lib/gatewayd/crl/users~*.crl | od -An -tx1)
expect "what is kept is DER" '30'
within 3000 status_has '.crl_sources[0]' '"error":null' || bad "status still shows the error"
OUT=$(status '.crl_sources[]')
expect "status has nextUpdate" '"next_update":"20[0-9-]*T[0-9:.]*Z"'
expect "the age" '"age_s":[0-9]'
expect "and no error" '"error":null'
OUT=$(status '.warnings')
expect "no warning is left" '^\[\]$'
OUT=$(gatewayctl check 2>&1 && echo "exit 0")
refute "check has nothing to say about lists" 'not fetched yet'

# --- from a file to an address whose server is away
web_stop
crl_publish >/dev/null || die "no list in a file"
words '"/etc/gatewayd/crl/"' || bad "the way to a file fails"
if within 3000 gets_in bob; then good "with the file bob is in"; else bad "bob is not in with the file"; fi
words "$(at second.crl)" || bad "the way to an address fails"
stays() { status_has '.load_errors' 'one in force stays'; }
within 3000 stays || bad "status does not say that the list in force stays"
if gets_in bob; then good "the list in force stays until the first one has come"; else bad "everybody is locked out"; fi
if gets_in revoked; then bad "a revoked certificate gets in"; else good "whom it revokes stays outside"; fi
gateway_stop
gateway_start
if within 3000 gets_in bob; then good "over a restart too"; else bad "everybody is locked out by a restart"; fi
gatewayctl ca revoke "$CA/users" "$CERTS/bob.pem" >/dev/null 2>&1 || die "bob cannot be revoked"
gatewayctl ca crl "$CA/users" --out "$WEB/second.crl" --der >/dev/null || die "no list"
web_start
gatewayctl reload >/dev/null || bad "the reload fails"
if within 4000 stays_out bob; then good "the fetched list takes its place after ${WITHIN} ms: bob is out"; else bad "bob is still in"; fi
if gets_in; then good "alice is in"; else bad "alice is out"; fi
if stays; then bad "the old list still stays"; else good "the old one is gone"; fi
web_stop

# --- a kept list ends when it would have ended
openssl_list() { # SECONDS: a newer list in the file, that ends soon
    cat >"$DIR/short.cnf" <<END
[ca]
default_ca = users
[users]
database = $DIR/short.index
crlnumber = $DIR/short.number
default_md = sha256
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid:always
END
    : >"$DIR/short.index"
    echo 7000 >"$DIR/short.number"
    openssl ca -config "$DIR/short.cnf" -keyfile "$CA/users/ca.key" -cert "$CA/users/ca.pem" -gencrl -crlsec "$1" -out "$DIR/short.pem" 2>>"$DIR/log/openssl.log" &&
        install -m 644 "$DIR/short.pem" /etc/gatewayd/crl/users.crl
}
sed -i '/^    crl_grace/d; s|^    crls .*|&\n    crl_grace  = "1s"|' "$HOUSE_CONF"
openssl_list 8 || die "no short list"
words '"/etc/gatewayd/crl/"' || bad "the way back to a file fails"
within 3000 gets_in bob || bad "bob is not in with the short list"
words "$(at third.crl)" || bad "the second way to an address fails"
if gets_in; then good "a short list stays too"; else bad "the short list does not stay"; fi
if within 15000 stays_out; then good "and ends with its nextUpdate: nobody is in after ${WITHIN} ms"; else bad "a kept list has no end"; fi
done_with_it
