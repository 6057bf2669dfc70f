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

# What a login left running in a session of its own: a lock ends it too, the loss of a right only the connection.
leaving_session() {
    : >/tmp/live
    cmd_ssh_as alice alice@ssh.example.test 'nohup setsid sleep 1000 >/dev/null 2>&1 & echo "left $!"; sleep 300'
    "${LAPTOP[@]}" "${CMD[@]:1}" >/tmp/live 2>&1 </dev/null &
    LIVE=$!
    within 10000 grep -q left /tmp/live || {
        OUT=$(cat /tmp/live)
        bad "alice's session did not begin"
        return 1
    }
    LIVE_ID=$(newest_open)
    LEFT=$(awk '/^left/ {print $2}' /tmp/live)
    [ "$(stat -c %U "/proc/$LEFT" 2>/dev/null)" = alice ] || bad "process $LEFT is not alice's"
}
left_is_gone() { ! kill -0 "$LEFT" 2>/dev/null; }

leaving_session && {
    # Without pam_loginuid's number the kernel does not say which processes are the login's.
    case $(cat "/proc/$LEFT/sessionid") in
    "$(cat /proc/self/sessionid)" | 4294967295) note "no audit sessions here: the processes of a login are not known" ;;
    *)
        sleep 1.2 # the daemon looks at the number once pam_loginuid has set it
        gatewayctl lock add user alice >/dev/null
        ends "locked" locked
        if within 2000 left_is_gone; then good "what she left running is gone after $WITHIN ms"; else bad "what she left running survives the lock"; fi
        carol_lives
        gatewayctl lock remove user alice >/dev/null
        ;;
    esac
    kill "$LIVE" "$LEFT" 2>/dev/null
}
within 5000 laptop ssh -o BatchMode=yes alice@ssh.example.test true || bad "alice is not in again after the second lock"

leaving_session && {
    group_member delete ops alice >/dev/null
    ends "out of the group" groups_changed
    sleep 2
    if left_is_gone; then bad "a lost group ended more than the connection"; else good "what she left running goes on after the group"; fi
    kill "$LEFT" 2>/dev/null
}
group_member add ops alice >/dev/null
within 5000 laptop ssh -o BatchMode=yes alice@ssh.example.test true || bad "alice is not in again after the group"

# The reason why a login was refused is the reason why its session ended.
run laptop ssh -o BatchMode=yes bob@ssh.example.test true
LIVE_ID=$(newest_open)
within 2000 closed_with wrong_login || true
OUT=$(record_where ".ev == \"close\" and .sid == \"$LIVE_ID\"")
expect "the close record of a refused login says so" '"wrong_login"'
run gatewayctl status
expect "status lists the refused login with its id" "$LIVE_ID"
expect "and its reason" 'wrong_login'
OUT=$(record_where ".ev == \"open\" and .sid == \"$LIVE_ID\"")
expect "its record carries the policy version that status shows" "$(gatewayctl --json status | jq -r .policy.version)"

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
