#!/usr/bin/env bash
# A right that is lost ends the live session within a second, with its own reason; others go on.
. "$(dirname "$0")/lib.sh"
. "$TOP/etc/quickstart.d/tour.sh"
promise "a live session ends within a second of losing its right"
house_up

# carol's session must outlive all that happens to alice, but for the policy change, which is for both.
ssh_as carol carol@ssh.example.test 'echo up; sleep 300' >/tmp/carol 2>&1 </dev/null &
CAROL=$!
within 10000 grep -q up /tmp/carol || bad "carol's session did not begin: $(cat /tmp/carol)"
carol_lives() { if kill -0 "$CAROL" 2>/dev/null; then good "carol's session goes on"; else bad "carol's session ended too"; fi; }

# A child that detached itself from the login must not survive a lock.
live_session && {
    laptop ssh -o BatchMode=yes alice@ssh.example.test 'true' # a second session of hers that is over already
    group_member delete ops alice >/dev/null
    ends "out of the group" groups_changed
    carol_lives
}
group_member add ops alice >/dev/null
within 5000 laptop ssh -o BatchMode=yes alice@ssh.example.test true || bad "alice is not in again after the group"

live_session && {
    ldap_change >/dev/null <<EOF
dn: uid=alice,ou=people,$HOUSE_BASE
changetype: modify
add: shadowExpire
shadowExpire: 15000
EOF
    ends "account expired" account_expired
    carol_lives
}
ldap_change >/dev/null <<EOF
dn: uid=alice,ou=people,$HOUSE_BASE
changetype: modify
delete: shadowExpire
EOF
within 5000 laptop ssh -o BatchMode=yes alice@ssh.example.test true || bad "alice is not in again after the expiry"

person alice alice-old >/dev/null 2>&1
live_session alice-old && {
    gatewayctl ca revoke "$CA/users" "$CERTS/alice-old.pem" >/dev/null
    crl_publish >/dev/null
    ends "certificate revoked" cert_revoked
    carol_lives
}

live_session && {
    gatewayctl lock add user alice --message "lost her laptop" >/dev/null
    ends "locked" locked
    carol_lives
    run laptop ssh -o BatchMode=yes alice@ssh.example.test true
    expect "a locked user stays outside" 'a lock applies|lost her laptop'
    gatewayctl lock remove user alice >/dev/null
}
within 5000 laptop ssh -o BatchMode=yes alice@ssh.example.test true || bad "alice is not in again after the lock"

live_session && {
    gatewayctl sessions kill "$LIVE_ID" >/dev/null
    ends "killed by an operator" killed
    carol_lives
}

until=$(date -u -d '+4 seconds' +%Y-%m-%dT%H:%M:%SZ)
sed -i "s/^    login_as = {\"self\"}/    login_as = {\"self\"}\n    until    = \"$until\"/" /etc/gatewayd/policy.d/10-house.conf
gatewayctl reload >/dev/null
live_session && {
    while [ "$(date -u +%s)" -lt "$(date -u -d "$until" +%s)" ]; do sleep 0.05; done
    ends "the rule's time is over" time_ended
}
sed -i '/^    until    =/d' /etc/gatewayd/policy.d/10-house.conf
gatewayctl reload >/dev/null
within 5000 laptop ssh -o BatchMode=yes alice@ssh.example.test true || bad "alice is not in again after the time"

live_session && {
    sed -i 's/groups   = {"ops"}/groups   = {"nobody"}/' /etc/gatewayd/policy.d/10-house.conf
    gatewayctl reload >/dev/null
    ends "the policy no longer allows it" policy_changed
}
done_with_it
