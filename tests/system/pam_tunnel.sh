#!/usr/bin/env bash
# The two modules with a real sshd, the shipped sshd_config and the shipped PAM stack, before a gateway that this test
# makes itself and whose every answer it chooses: only an allowing answer for this login lets anybody in.
. "$(dirname "$0")/lib.sh"
promise "only an allowing answer of the true daemon opens a login"
RUN=/run/gatewayd
FRONT=/tmp/front.sock
ANSWERS=/tmp/answers LOG=/tmp/asked

house_modules() {
    local library modules plain=${MTLS_MODULES:-$MTLS_BUILT}
    library=$(dirname "$(find /lib /usr/lib -name 'libnss_files.so.2' -o -name 'libnss_compat.so.2' | head -n 1)")
    modules=$(dirname "$(find /lib /usr/lib -name pam_unix.so | head -n 1)")
    install -D -m 644 "$plain/pam_mtls/pam_mtls.so" "$modules/pam_mtls.so" &&
        install -D -m 644 "$plain/nss_mtls/libnss_mtls.so.2" "$library/libnss_mtls.so.2" &&
        install -d /usr/lib/gatewayd && ln -sf /usr/sbin/sshd /usr/lib/gatewayd/sshd-gw
}
snapshot() {
    install -d -m 755 $RUN/nss && python3 "$TOP/tests/system/nss_snapshot.py" $RUN/nss/snapshot "$1" <<'EOT'
user alice 2001 5000 /home/alice /bin/bash 5000,5001
user carol 2003 5000 /home/carol /bin/bash 5000
group staff 5000 alice,carol
group admins 5001 alice
EOT
}
answers() { printf '%s\n' "$@" >$ANSWERS; }
gateway() {
    python3 "$TOP/tests/system/fake_gateway.py" $RUN "$(id -u gatewayd-decide)" $FRONT $ANSWERS $LOG >>"$DIR/log/gatewayd.log" 2>&1 &
    GATEWAY=$!
    within 5000 test -S $FRONT
}
gateway_down() { kill "$GATEWAY" && wait "$GATEWAY" 2>/dev/null; }
# denied "what": no shell, and it was sshd that said so.
denied() {
    refute "$1" 'uid='
    printf '%s\n' "$OUT" | grep -q 'Permission denied' ||
        bad "$1: nobody said no"
}
ssh_as() {
    local login=$1
    shift
    timeout 20 ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=INFO \
        -o "ProxyCommand=socat - UNIX-CONNECT:$FRONT" "$login@host.example.test" "$@"
}

useradd --system --no-create-home --shell /usr/sbin/nologin gatewayd-decide
useradd --create-home --shell /bin/bash empty && usermod --password '' empty
install -d -m 755 $RUN
sed -i -E 's/^(passwd|group):.*/\1: files mtls/' /etc/nsswitch.conf
: >$LOG && chmod 666 $LOG
if ! house_modules || ! house_sshd; then die "the modules and sshd cannot be set up"; fi
YES=("AUTH_TUNNEL ALLOW" "ACCOUNT ALLOW" "SESSION_OPEN OK" "SESSION_CLOSE OK" "AUTH_TUNNEL/empty DENY wrong_login")
answers "${YES[@]}"
if ! snapshot 3600 || ! gateway; then die "the stand-in for gatewayd does not start"; fi

# The host's users.
run id alice
expect "the directory's user has its groups" '^uid=2001\(alice\) gid=5000\(staff\) groups=5000\(staff\),5001\(admins\)$'
run getent group admins
expect "a group shows its members" '^admins:\*:5001:alice$'
run getent passwd 2003
expect "a uid is found" '^carol:\*:2003:5000:carol:/home/carol:/bin/bash$'
run getent passwd mallory
expect_rc "an unknown name is not found" 2
run getent -s mtls passwd root
expect_rc "root never comes from the directory" 2

# Logins.
run ssh_as alice 'id; pwd; grep NoNewPrivs /proc/self/status'
expect "alice logs in by no password, no key, no prompt" '^uid=2001\(alice\).*5001\(admins\)'
expect "in a home of her own" '^/home/alice$'
expect "and may gain privileges as any login" '^NoNewPrivs:.*0$'
OUT=$(cat $LOG)
expect "auth, account and session ask about one session" '^AUTH_TUNNEL alice [0-9a-f]{32} ALLOW$'
run awk '$2 == "alice" {print $3}' $LOG
OUT=$(printf '%s\n' "$OUT" | sort -u | wc -l)
expect "which is the same in all phases" '^1$'
check "the close is told" within 3000 grep -q '^SESSION_CLOSE alice' $LOG
echo content >/tmp/file
run scp -q -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o "ProxyCommand=socat - UNIX-CONNECT:$FRONT" /tmp/file alice@host.example.test:copied
OUT=$(cat /home/alice/copied)
expect "scp works" '^content$'
run ssh_as alice -o ExitOnForwardFailure=yes -R 127.0.0.1:0:127.0.0.1:1 true
expect "nothing is forwarded" 'forwarding (request )?failed|administratively prohibited'

# Who is not let in.
run ssh_as empty id
denied "an account with an empty password is not let in"
OUT=$(grep ' empty ' $LOG)
expect "because pam_mtls was asked" '^AUTH_TUNNEL empty .* DENY$'
run ssh_as root id
denied "root is not let in"
run ssh_as mallory id
denied "a user whom nobody knows is not let in, though the daemon allows it"

# refused "what" LINE...: with these answers in place of the good ones alice does not get a shell.
refused() {
    local what=$1
    shift
    answers "${YES[@]}" "$@"
    run ssh_as alice id
    refute "$what" 'uid='
}
for reply in DENY NONE EXPIRED ERROR OK; do
    refused "auth answered by $reply" "AUTH_TUNNEL $reply"
    refused "account answered by $reply" "ACCOUNT $reply"
done
for reply in DENY NONE EXPIRED ERROR ALLOW; do refused "open_session answered by $reply" "SESSION_OPEN $reply"; done
refused "account denies" "ACCOUNT DENY default_deny"
expect "the denied user reads a sentence and the id" 'no rule allows this connection \(decision [0-9a-f]{32}\)'
answers "${YES[@]}"

# Somebody else's tunnel: the name is right, the maker is not gatewayd.
cat >/tmp/forged.py <<'EOT'
import os, socket, subprocess, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("\0forged-" + str(os.getpid()))
listener.listen(1)
if os.fork() == 0:
    os.setresuid(65534, 65534, 65534)
    client = socket.socket(socket.AF_UNIX)
    client.bind("\0gatewayd/session/0123456789abcdef0123456789abcdef")
    client.connect(listener.getsockname())
    subprocess.run(["socat", "-", "FD:%d" % client.fileno()], pass_fds=[client.fileno()], check=False)
    os._exit(0)
server, _ = listener.accept()
subprocess.run(["/usr/lib/gatewayd/sshd-gw", "-i", "-f", "/etc/gatewayd/sshd_config"], stdin=server, stdout=server,
               stderr=subprocess.DEVNULL, check=False)
EOT
run timeout 20 ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o "ProxyCommand=python3 /tmp/forged.py" alice@host.example.test id
denied "a tunnel with the right name that another uid made"
run timeout 20 ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o "ProxyCommand=/usr/lib/gatewayd/sshd-gw -i -f /etc/gatewayd/sshd_config" alice@host.example.test id
denied "no tunnel at all"

# The daemon away: refused soon; its socket squatted: refused. A relay keeps making true tunnels.
gateway_down
cat >/tmp/relay.py <<'EOT'
import os, socket, sys, threading

def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass

os.unlink(sys.argv[1])
front = socket.socket(socket.AF_UNIX)
front.bind(sys.argv[1])
front.listen(8)
os.setuid(os.stat(sys.argv[2]).st_uid)
for number in range(100):
    client, _ = front.accept()
    upstream = socket.socket(socket.AF_UNIX)
    upstream.bind("\0gatewayd/session/%032x" % (number + 1))
    upstream.connect(sys.argv[2])
    for pair in ((client, upstream), (upstream, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
EOT
python3 /tmp/relay.py $FRONT $RUN/sshd.sock &
STANDIN=$!
sleep 0.5
start=$(now_ms)
run ssh_as alice id
took=$(($(now_ms) - start))
denied "the daemon is away"
if [ "$took" -lt 5000 ]; then good "and says so after $took ms"; else bad "it took $took ms"; fi
run id alice
expect "the host's users stay known" '^uid=2001\(alice\)'
mv $RUN/pam.sock $RUN/pam.away
setpriv --reuid=nobody --regid=nogroup --clear-groups python3 -c '
import socket
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind("/tmp/squat.sock")
listener.listen(8)
while True:
    client, _ = listener.accept()
    client.recv(16384)
    client.send(b"GWP1\x01\x80\x00\x00")' &
SQUAT=$!
within 3000 test -S /tmp/squat.sock
ln -s /tmp/squat.sock $RUN/pam.sock
run ssh_as alice id
denied "the socket is a link to another's"
rm $RUN/pam.sock && mv /tmp/squat.sock $RUN/pam.sock && chown gatewayd-decide $RUN/pam.sock
run ssh_as alice id
denied "another uid listens at the right place"
kill $SQUAT $STANDIN

# The snapshot ends.
snapshot 0
run getent passwd alice
expect_rc "an expired snapshot knows nobody" 2
rm $RUN/nss/snapshot
run timeout 2 getent passwd alice
expect_rc "a missing one knows nobody, at once" 2
run id root
expect "and the host's own users are not concerned" '^uid=0'
done_with_it
