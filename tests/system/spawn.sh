#!/bin/bash
# Promise: what a spawn row starts is a clean process with root's full rights (no NoNewPrivs, full bounding set, nothing
# inherited), only decide can have it started, it outlives the spawn process, and a login program whose PAM stack does
# not ask pam_mtls is not started at all.
. "$(dirname "$(readlink -f "$0")")/core.sh"

private_etc
make_house
sed -i 's#^spawn "caps".*#spawn "caps" { command = {"/bin/sh", "-c", "cat /proc/self/status; ls /proc/self/fd | wc -l; env; ulimit -n; head -n 1"} }#' "$DIR/gatewayd.conf"
cat >>"$DIR/gatewayd.conf" <<END
service "login" { listener = {"main"} sni = {"login.example.org"} upstream = "spawn:login-gw" confirm = "pam" }
spawn "login-gw" { command = {"$DIR/login-gw"} }
service "ssh" { listener = {"main"} sni = {"ssh.example.org"} upstream = "spawn:ssh" protocol = "ssh" confirm = "pam" }
spawn "ssh" { command = {"$DIR/sshd-gw", "-i", "-f", "$DIR/sshd_config"} }
directory "corp" { uri = {"file:$DIR/users.ldif"} schema = "rfc2307bis" }
mapping "by-name" { ca = {"users"} find = "(uid={subject.cn!only})" strength = "weak-allowed" }
END
printf '#!/bin/sh\necho started\n' >"$DIR/login-gw" && chmod 755 "$DIR/login-gw"
cat >"$DIR/users.ldif" <<END
dn: uid=alice,ou=people,dc=example,dc=org
objectClass: posixAccount
objectClass: inetOrgPerson
uid: alice
cn: alice
sn: alice
uidNumber: 5001
gidNumber: 5001
homeDirectory: /home/alice
loginShell: /bin/sh
entryUUID: 11111111-1111-4111-8111-111111111111
createTimestamp: 20200101000000Z
END
printf 'rule "a" { users = {"alice"} services = {"caps", "login", "ssh"} }\nrule "l" { users = {"alice"} services = {"login", "ssh"} login_as = {"self"} }\n' \
    >"$DIR/policy.d/a.conf"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/alice.key" -out "$DIR/alice.csr" -subj /CN=alice 2>/dev/null
openssl x509 -req -in "$DIR/alice.csr" -CA "$DIR/cert.pem" -CAkey "$DIR/key.pem" -days 10 -out "$DIR/alice.pem" \
    -extfile <(printf 'extendedKeyUsage=clientAuth\nkeyUsage=critical,digitalSignature\n') 2>/dev/null

talk() { # NAME: connects as alice, sends a line, shows what comes
    { sleep 0.5; echo bye; } | timeout 5 openssl s_client -quiet -connect "127.0.0.1:$PORT" -servername "$1" -CAfile "$DIR/cert.pem" \
        -cert "$DIR/alice.pem" -key "$DIR/alice.key" 2>"$DIR/talk.err"
}
value() { sed -n "s/^$1:[[:space:]]*//p" "$DIR/status"; }
connect_to_row() { # USER: connects to the row's socket by itself
    setpriv --reuid="$1" --clear-groups python3 -c "import socket; s=socket.socket(socket.AF_UNIX); s.connect('$DIR/run/spawn/caps'); s.settimeout(1); print(len(s.recv(100)))" 2>&1
}

# shellcheck disable=SC2119 # started as it is
start
# The directory is there some milliseconds after the processes are.
answers() { talk caps.example.org >"$DIR/status" && grep -q '^Name:' "$DIR/status"; }
wait_for 10 answers
check "the row's program answers alice" grep -q '^Name:' "$DIR/status"
check "it may gain privileges (sudo works)" [ "$(value NoNewPrivs)" = 0 ]
check "no seccomp filter" [ "$(value Seccomp)" = 0 ]
check "full bounding set" [ "$(value CapBnd)" = "$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)" ]
check "no signal blocked" [ "$(value SigBlk)" = 0000000000000000 ]
check "no signal ignored" [ "$(value SigIgn)" = 0000000000000000 ]
check "umask 022" [ "$(value Umask)" = 0022 ]
check "root" [ "$(value Uid | cut -f1)" = 0 ]
check "descriptors 0, 1, 2 and that of ls" grep -qx 4 "$DIR/status"
check "a clean environment" eval '! grep -q "MTLS_\|ASAN\|TZ=" "$DIR/status"'
check "1,024 open files" grep -qx 1024 "$DIR/status"

check "root is not decide" eval '! connect_to_row root | grep -qx "[1-9][0-9]*"'
check "nobody cannot reach the socket" eval 'connect_to_row nobody | grep -q "Permission denied"'
check "a refused connection is in the log" wait_for 1 logged 'event=spawn_refused'

: >"$DIR/out"
{ sleep 2; echo bye; } | timeout 6 openssl s_client -quiet -connect "127.0.0.1:$PORT" -servername caps.example.org -CAfile "$DIR/cert.pem" \
    -cert "$DIR/alice.pem" -key "$DIR/alice.key" >"$DIR/out" 2>/dev/null &
TALK=$!
wait_for 3 grep -q '^Name:' "$DIR/out"
kill -KILL "$(pid_of spawn)"
wait "$TALK"
check "what spawn has started outlives it" grep -q '^bye' "$DIR/out"
check "spawn is back" wait_for 1 pid_of spawn >/dev/null

talk login.example.org >"$DIR/out"
check "without a PAM file the login program is not started" eval '! grep -q started "$DIR/out"'
check "and the log says why" wait_for 1 logged 'reason=upstream_unsafe detail="/etc/pam.d/login-gw: No such file'
printf 'auth sufficient pam_unix.so nullok\n' >/etc/pam.d/login-gw
talk login.example.org >"$DIR/out"
check "pam_unix in the stack: not started" wait_for 1 eval '! grep -q started "$DIR/out" && logged "auth asks pam_unix.so, not pam_mtls.so alone"'
printf 'auth requisite pam_mtls.so mode=tunnel\naccount required pam_mtls.so\n' >/etc/pam.d/login-gw
talk login.example.org >"$DIR/out"
check "pam_mtls alone: started" grep -q started "$DIR/out"

ln -s "$(command -v sshd)" "$DIR/sshd-gw"
ssh-keygen -q -t ed25519 -N '' -f "$DIR/host_key"
cp /etc/pam.d/login-gw /etc/pam.d/sshd-gw
sshd_settings() { printf 'HostKey %s\nPidFile none\nAuthenticationMethods none\nPubkeyAuthentication no\nKbdInteractiveAuthentication no\n%s\n' "$DIR/host_key" "$1" >"$DIR/sshd_config"; }
mkdir -p /run/sshd # without it sshd says nothing of its settings
sshd_settings 'UsePAM no'
talk ssh.example.org >"$DIR/out"
check "an sshd without PAM is not started" wait_for 1 eval '! grep -q "^SSH-2.0-OpenSSH" "$DIR/out" && logged "sshd: usepam must be yes, not no"'
sshd_settings 'UsePAM yes'
talk ssh.example.org >"$DIR/out"
check "with PAM it is, at once" grep -aq '^SSH-2.0-OpenSSH' "$DIR/out"
stop
summary
