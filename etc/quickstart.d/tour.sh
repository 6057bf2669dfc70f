# shellcheck shell=bash
# What the house can do, in six steps: each shows the command that it ran and what came back, and says whether that is
# what was promised. Sourced by the quickstart after house.sh.

# The decision id in the last output, and the session id of alice's newest open record.
shown_id() { printf '%s\n' "$OUT" | grep -oE '\b[0-9a-f]{32}\b' | head -n 1; }
newest_open() { record_where '.ev == "open" and .service == "ssh"' | jq -r .sid; }

# openssl_proxy CERTIFICATE: a ProxyCommand that needs nothing of ours on the laptop
openssl_proxy() {
    echo "openssl s_client -quiet -verify_return_error -verify_hostname %h -CAfile $CERTS/ca.pem -servername %h" \
        "-cert $CERTS/$1.pem -key $CERTS/$1.key -connect 127.0.0.1:$GW_PORT"
}

step_1() {
    title "1. alice logs in: a certificate, no password, no key on the host"
    show laptop ssh -o BatchMode=yes alice@ssh.example.test id
    expect "the directory's uid and group" 'uid=20001\(alice\) gid=20100\(people\)'
    expect "her groups, the nested one too" '20101\(ops\).*20102\(admins\)|20102\(admins\).*20101\(ops\)'
    note "the same through plain openssl instead of mtls:"
    show laptop ssh -o BatchMode=yes -o "ProxyCommand=$(openssl_proxy alice)" alice@ssh.example.test id -un
    expect "logged in" '^alice$'
    show laptop ssh -o BatchMode=yes alice@ssh.example.test 'sudo -n id -un; sudo -n grep -E "NoNewPrivs|CapBnd" /proc/self/status'
    expect "a working sudo in the session" '^root$'
    expect "nothing of the gateway's sandbox in the session" 'NoNewPrivs:[[:space:]]*0'
    expect "the full bounding set" "CapBnd:[[:space:]]*$(awk '/CapBnd/ {print $2}' /proc/self/status)"
    laptop sh -c 'echo "a file from the laptop" >~/letter'
    show laptop scp -q -o BatchMode=yes /home/laptop/letter alice@ssh.example.test:letter
    show laptop ssh -o BatchMode=yes alice@ssh.example.test 'cat letter && git init -q --bare things.git && echo ready'
    expect "scp brought it" '^a file from the laptop$'
    show laptop git clone -q ssh://alice@ssh.example.test/home/alice/things.git /home/laptop/things
    expect_rc "git clone works" 0
}

step_2() {
    title "2. bob has a valid certificate and no rule"
    show ssh_as bob bob@ssh.example.test id
    expect_rc "refused" '!0'
    expect "one sentence" 'no rule allows this connection'
    local id
    id=$(shown_id)
    expect "and a decision id" '[0-9a-f]{32}'
    show gatewayctl explain "$id"
    expect "the reason" 'default_deny'
    expect "the nearest miss with file and line" '10-house\.conf:[0-9]+'
    expect "why it was missed" 'ops'
    expect "facts with their age" 'age'
}

# refused_handshake WHAT CERTIFICATE ALERT REASON
refused_handshake() {
    local before
    before=$(record_count ".reason_code == \"$4\"")
    show s_client "$2" echo.example.test
    expect "$1: alert $3" "alert (number )?.*$3|$3"
    if within 3000 eval "[ \"\$(record_count '.reason_code == \"$4\"')\" -gt $before ]"; then
        good "$1: $4 in the log"
    else
        bad "$1: no record with reason $4"
    fi
}

step_3() {
    title "3. who must stay outside"
    refused_handshake "a certificate of another CA" stranger 'unknown ca' cert_unknown_ca
    refused_handshake "an expired certificate" expired 'certificate expired' cert_expired
    refused_handshake "a revoked certificate" revoked 'certificate revoked' cert_revoked
    refused_handshake "a certificate without clientAuth" server-only 'unsupported certificate' cert_eku
    refused_handshake "no certificate" '' 'certificate required' tls_no_certificate
    note "through the tunnel, with alice's good certificate:"
    show laptop ssh -o BatchMode=yes bob@ssh.example.test id
    expect_rc "alice may not be bob" '!0'
    refute "no shell for bob" 'uid='
    show laptop ssh -o BatchMode=yes empty@ssh.example.test id
    expect_rc "a local account with an empty password stays closed" '!0'
    refute "no shell for it" 'uid='
    show laptop ssh -o BatchMode=yes root@ssh.example.test id
    refute "no shell for root" 'uid='
    show ssh_as dora dora@ssh.example.test id
    expect "an expired account says so" 'the account has expired'
}

# One of alice's sessions, alive until something ends it.
live_session() {
    : >/tmp/live
    cmd_ssh_as "${1:-alice}" alice@ssh.example.test 'echo up; sleep 300'
    "${LAPTOP[@]}" "${CMD[@]:1}" >/tmp/live 2>&1 </dev/null & # no function: LIVE is to be ssh itself
    LIVE=$!
    within 10000 grep -q up /tmp/live || {
        OUT=$(cat /tmp/live)
        bad "alice's session did not begin"
        return 1
    }
    LIVE_ID=$(newest_open)
    note "alice's session $LIVE_ID is up"
}
gone() { ! kill -0 "$LIVE" 2>/dev/null; }

# ends "what ends it" REASON: the session is gone a second after the last command was shown.
ends() {
    local what=$1 reason=$2
    if within 1000 gone; then good "$what: the session ended after $WITHIN ms"; else bad "$what: the session is still there"; fi
    kill "$LIVE" 2>/dev/null
    wait "$LIVE" 2>/dev/null
    within 2000 closed_with "$reason"
    OUT=$(record_where ".ev == \"close\" and .sid == \"$LIVE_ID\"")
    note "close record: $(printf '%s' "$OUT" | jq -c '{ev, sid, reason_code, detail, bytes_in, bytes_out, dur_ms}' 2>/dev/null)"
    expect "its close record says $reason" "\"$reason\""
}
closed_with() { record_where ".ev == \"close\" and .sid == \"$LIVE_ID\"" | grep -q "\"$1\""; }

show_ldapmodify() {
    note "# ldapmodify ($1: uid=$3 in cn=$2)"
    run group_member "$1" "$2" "$3"
    [ "$RC" -eq 0 ] || bad "ldapmodify: $OUT"
}

step_4() {
    title "4. a live session ends within a second of losing its right"
    live_session && show_ldapmodify delete ops alice && ends "out of the group" groups_changed
    show_ldapmodify add ops alice
    within 5000 laptop ssh -o BatchMode=yes alice@ssh.example.test true || bad "alice cannot log in after she is in the group again"

    person alice alice-old >/dev/null 2>&1
    live_session alice-old && {
        show gatewayctl ca revoke "$CA/users" "$CERTS/alice-old.pem"
        show crl_publish
        ends "certificate revoked" cert_revoked
    }

    live_session && {
        show gatewayctl lock add user alice --message "lost her laptop"
        ends "locked" locked
        show gatewayctl lock list
        show gatewayctl lock remove user alice
    }

    live_session && {
        show sed -i 's/groups   = {"ops"}/groups   = {"nobody"}/' /etc/gatewayd/policy.d/10-house.conf
        show gatewayctl reload
        ends "the policy no longer allows it" policy_changed
    }
    sed -i 's/groups   = {"nobody"}/groups   = {"ops"}/' /etc/gatewayd/policy.d/10-house.conf
    gatewayctl reload >/dev/null 2>&1
    within 5000 laptop ssh -o BatchMode=yes alice@ssh.example.test true || bad "alice cannot log in after the policy allows it again"
}

step_5() {
    title "5. other services behind the same listener, chosen by SNI"
    show laptop sh -c 'echo hello through the gateway | mtls connect echo.example.test'
    expect "the echo service" '^hello through the gateway$'
    show laptop curl -sS --cert "$CERTS/alice.pem" --key "$CERTS/alice.key" --cacert "$CERTS/ca.pem" \
        --connect-to "web.example.test:443:127.0.0.1:$GW_PORT" https://web.example.test/
    expect "the web service" 'hello from the web service'
    show laptop sh -c 'mtls connect trace.example.test </dev/null'
    expect "PROXY v2 signature" 'signature 0d0a0d0a000d0a515549540a'
    expect "PROXY, TCP over IPv4" 'command and family 2111'
    expect "the client's address" 'source 127\.0\.0\.1'
    show mtls_as bob connect echo.example.test
    expect_rc "bob is denied by a rule" '!0'
    expect "with a sentence and an id" '[0-9a-f]{32}'
    show ssh_as bob bob@ssh.example.test true
    expect "a denied ssh client prints them too" 'no rule allows this connection.*[0-9a-f]{32}|[0-9a-f]{32}.*no rule'
    show laptop ssh -o BatchMode=yes -o "ProxyCommand=$(openssl_proxy bob)" bob@ssh.example.test true
    expect "and through plain openssl, in an SSH disconnect message" 'no rule allows this connection.*[0-9a-f]{32}'
    show laptop mtls whoami
    expect "what the gateway sees of alice" 'alice'
}

step_6() {
    title "6. the audit log of all this"
    SHOW_LINES=6 show gatewayctl audit tail -n 6
    expect "records" 'alice|bob'
    show gatewayctl audit verify
    expect_rc "the log is whole" 0
    local file line
    rm -rf /tmp/edited && mkdir /tmp/edited && cp "$HOUSE_AUDIT"/audit-*.jsonl /tmp/edited/
    file=$(printf '%s\n' /tmp/edited/audit-*.jsonl | head -n 1)
    line=$(grep -nm 1 bob "$file" | cut -d: -f1)
    show sed -i "${line}s/bob/rob/" "$file"
    show gatewayctl audit verify /tmp/edited
    expect_rc "an edit is found" 5
    expect "its line is named" ":$line\\b|line $line\\b"
}

what_next() {
    cat <<EOF

All of it is running now. In a second terminal:
  $DIR/enter                                  a shell inside
  $DIR/enter gatewayctl status
  $DIR/enter gatewayctl sessions list
  $DIR/enter runuser -u laptop -- ssh alice@ssh.example.test      log in yourself
  $DIR/enter gatewayctl lock add user alice --message 'just trying'
  $DIR/enter gatewayctl audit tail -f
  $DIR/enter vi /etc/gatewayd/policy.d/10-house.conf && $DIR/enter gatewayctl reload
Logs are in $DIR/log. Nothing outside of $DIR has been changed; it goes away when you press Ctrl-C.
EOF
}
