#!/usr/bin/env bash
# shellcheck disable=SC2015,SC2034,SC1083,SC2086,SC2093 # good and bad never fail; {FD} is bash's own form
# Promise: a preview says exactly which sessions a reload would end and why, and changes nothing; the reload then ends these.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
promise "reload --dry-run names the sessions that a reload then ends, and ends none"
house_up

hold() { # USER CERTIFICATE: a login that goes on until its input ends
    rm -f "/tmp/in.$2" && mkfifo "/tmp/in.$2"
    ssh_as "$2" "$1@ssh.example.test" 'echo up; exec cat' <"/tmp/in.$2" >"/tmp/out.$2" 2>&1 &
    exec {FD}>"/tmp/in.$2"
    within 10000 grep -q up "/tmp/out.$2" || bad "no login of $2: $(cat "/tmp/out.$2")"
}
person alice alice-old >/dev/null 2>&1
hold alice alice
hold alice alice-old
hold carol carol
live() { gatewayctl --json sessions list | jq length; }
[ "$(live)" = 3 ] && good "three sessions" || bad "$(live) sessions instead of three"
BEFORE=$(gatewayctl --json status | jq -c '[.trust.version, .policy.version, .config.generation]')
unchanged() { # WHAT
    local now
    now=$(gatewayctl --json status | jq -c '[.trust.version, .policy.version, .config.generation]')
    [ "$now" = "$BEFORE" ] && good "$1: nothing is put in force" || bad "$1: something is put in force: $now"
    [ "$(live)" = 3 ] && good "$1: nobody's session ends" || bad "$1: $(live) sessions are left"
}
preview() { OUT=$(gatewayctl --json reload --dry-run | jq -c "$1"); }
cp "$HOUSE_CONF" /tmp/good.conf

run gatewayctl reload --dry-run
expect "without a change nobody's would end" '0 sessions of 3 would end'
unchanged "no change"

# Another policy, in a folder that nobody watches yet.
cp -r /etc/gatewayd/policy.d /etc/gatewayd/policy.next
printf 'rule "no-carol" { users = {"carol"} services = {"ssh"} effect = "deny" }\n' >/etc/gatewayd/policy.next/01-no-carol.conf
sed -i 's#/etc/gatewayd/policy\.d#/etc/gatewayd/policy.next#' "$HOUSE_CONF"
grep -q policy.next "$HOUSE_CONF" || printf 'policy { directory = "/etc/gatewayd/policy.next" }\n' >>"$HOUSE_CONF"
run gatewayctl reload --dry-run
expect "a policy that denies carol: hers would end" 'carol .*rule_deny'
expect "and no other" '1 session of 3 would end'
unchanged "another policy"

# Another revocation list.
cp /tmp/good.conf "$HOUSE_CONF"
gatewayctl ca revoke "$CA/users" "$CERTS/alice-old.pem" >/dev/null
gatewayctl ca crl "$CA/users" --days 7 --out /etc/gatewayd/next.crl >/dev/null
sed -i 's#/etc/gatewayd/crl[a-z./]*#/etc/gatewayd/next.crl#' "$HOUSE_CONF"
preview '[.sessions[] | [.user, .reason]]'
expect "a list that revokes one certificate of alice: that session would end, the other would not" '^\[\["alice","cert_revoked"\]\]$'
WOULD=$(gatewayctl --json reload --dry-run | jq -r '.sessions[].id')
unchanged "another list"

# Errors are those of a reload.
printf 'edgse = 3\n' >>"$HOUSE_CONF"
run gatewayctl reload --dry-run
expect "an error is told as by a reload" 'unknown option edgse'
unchanged "an error"
sed -i '/edgse/d' "$HOUSE_CONF"
printf 'rule "x" { usrs = {"bob"} }\n' >/etc/gatewayd/policy.next/02-bad.conf
cp "$HOUSE_CONF" /tmp/crl.conf
sed -i 's#/etc/gatewayd/policy\.d#/etc/gatewayd/policy.next#' "$HOUSE_CONF"
grep -q policy.next "$HOUSE_CONF" || printf 'policy { directory = "/etc/gatewayd/policy.next" }\n' >>"$HOUSE_CONF"
run gatewayctl reload --dry-run
expect "and so is one of the policy" '02-bad.conf:1'
unchanged "a broken policy"

# In the old edges of an upgrade too.
cp /tmp/good.conf "$HOUSE_CONF"
gatewayctl upgrade >/dev/null || bad "no upgrade"
cp /tmp/crl.conf "$HOUSE_CONF"
preview '[.sessions[].id]'
[ "$(gatewayctl --json reload --dry-run | jq -r '.sessions[].id')" = "$WOULD" ] && good "an old edge says the same" || bad "an old edge says $OUT"

run gatewayctl reload
one_less() { [ "$(live)" = 2 ]; }
if within 2000 one_less; then good "the reload ends it"; else bad "the reload leaves $(live) sessions"; fi
OUT=$(gatewayctl --json sessions list | jq -r '.[].id')
refute "exactly the one that was named" "$WOULD"
done_with_it
