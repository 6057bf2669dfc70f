#!/usr/bin/env bash
# An ordinary local user talks to the daemon's sockets: he learns nothing, ends nothing, confirms nothing, and keeps
# nobody from being served.
. "$(dirname "$0")/lib.sh"
promise "a local user who lies gets nothing"
house_up
RUN=/run/gatewayd

OUT=$(stat -c '%U %a %n' $RUN $RUN/*.sock $RUN/spawn $RUN/spawn/* 2>&1)
expect "the directory belongs to root and nobody else may write" "^root 7?55 $RUN\$"
expect "pam.sock belongs to decide" "^gatewayd-decide 666 $RUN/pam.sock\$"
if laptop socat - "UNIX-CONNECT:$(find $RUN/spawn -type s | head -n 1)" </dev/null 2>/tmp/answer; then
    bad "an ordinary user may start a login by the spawn socket"
else
    good "an ordinary user cannot reach the spawn socket"
fi

for verb in status 'sessions list' 'lock list' 'lock add user alice' reload drain 'sessions end --pending'; do
    # shellcheck disable=SC2086 # a verb and its words
    run laptop gatewayctl $verb
    expect_rc "gatewayctl $verb: refused" '!0'
    expect "gatewayctl $verb: says why" 'may not ask|cannot be read|not permitted|ermission'
done
OUT=$(gatewayctl lock list 2>&1)
refute "no lock was made" 'alice'
check "the gateway goes on" gatewayctl status

# frame KIND BODY-HEX: one gw-pam/1 frame (docs/protocol.md) as an ordinary user; the answer in hex
frame() {
    printf '%b' "GWP1\\x01\\x$1\\x00\\x00$(printf '%s' "${2:-}" | sed 's/../\\x&/g')" |
        laptop timeout 3 socat -t 2 - "UNIX-CONNECT:$RUN/pam.sock,type=5" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
}
ping=$(frame 01)
OUT=$ping
for kind in 02 03 04 05 06 10 11 12 13 20 21 7f ff; do
    OUT=$(frame "$kind" "8001000461626364")
    # The answer, when there is one, is a refusal: its kind octet must not be ALLOW or OK of a decision.
    printf '%s' "$OUT" | grep -qi '^47575031' && printf '%s' "$OUT" >>/tmp/answers
done
OUT=$(gatewayctl sessions list 2>&1)
refute "no session came of it" 'alice'

# Who squats: an unprivileged abstract socket with the name of a session is not decide's.
laptop timeout 5 socat "ABSTRACT-LISTEN:gatewayd/session/0123456789abcdef0123456789abcdef,fork" PIPE &
run laptop ssh -o BatchMode=yes alice@ssh.example.test true
expect_rc "alice logs in meanwhile" 0

# A thousand connections that say nothing.
cat >/tmp/silent.sh <<'EOF'
n=0
while [ $n -lt 500 ]; do
    socat -u "UNIX-CONNECT:$1,type=5" "EXEC:sleep 6" 2>/dev/null &
    n=$((n + 1))
done
wait
EOF
laptop bash /tmp/silent.sh $RUN/pam.sock &
laptop bash /tmp/silent.sh $RUN/control.sock &
sleep 1
start=$(now_ms)
run laptop ssh -o BatchMode=yes alice@ssh.example.test true
took=$(($(now_ms) - start))
expect_rc "with a thousand silent connections alice still logs in ($took ms)" 0
start=$(now_ms)
check "and the operator is served" gatewayctl status
took=$(($(now_ms) - start))
[ "$took" -lt 3000 ] || bad "status took $took ms"

# The tunnel's sshd without the tunnel: nobody gets a shell by starting it himself.
cat >/tmp/direct.sh <<'EOF'
exec 3<>/dev/null
exec /usr/lib/gatewayd/sshd-gw -i -f /etc/gatewayd/sshd_config
EOF
run timeout 10 ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o "ProxyCommand=/usr/lib/gatewayd/sshd-gw -i -f /etc/gatewayd/sshd_config" alice@anywhere id
refute "sshd without a tunnel lets nobody in, not even from root's hand" 'uid='
run timeout 10 ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o "ProxyCommand=/usr/lib/gatewayd/sshd-gw -i -f /etc/gatewayd/sshd_config" empty@anywhere id
refute "and not the account with the empty password" 'uid='
done_with_it
