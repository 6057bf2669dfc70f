#!/usr/bin/env bash
# `ssh host true` through the gateway against the same sshd, PAM session stack and account with publickey, interleaved.
# Figures: both medians, and the quotient of the medians with its bootstrap 95% interval. RUNS=200.
. "$(dirname "$(readlink -f "$0")")/../system/lib.sh"
RUNS=${RUNS:-200}
house_up

# The same sshd with publickey: same settings, but a TCP listener, a key of alice and no pam_mtls.
free_port
KEY_PORT=$PORT
ln -sf /usr/sbin/sshd /usr/lib/gatewayd/sshd-key
grep -v pam_mtls /etc/pam.d/sshd-gw >/etc/pam.d/sshd-key
grep -qE '^auth' /etc/pam.d/sshd-key || echo 'auth requisite pam_deny.so' >>/etc/pam.d/sshd-key
grep -qE '^account.*pam_permit' /etc/pam.d/sshd-key || echo 'account required pam_permit.so' >>/etc/pam.d/sshd-key
install -d -m 755 /etc/house-keys
laptop ssh-keygen -q -N '' -t ed25519 -f /home/laptop/.ssh/id_bench
cp /home/laptop/.ssh/id_bench.pub /etc/house-keys/alice
sed -E '/^[[:space:]]*(AuthenticationMethods|PubkeyAuthentication|AuthorizedKeysFile|PermitEmptyPasswords|PasswordAuthentication)/Id' \
    /etc/gatewayd/sshd_config >/etc/house-sshd_config
cat >>/etc/house-sshd_config <<EOF
Port $KEY_PORT
ListenAddress 127.0.0.1
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
AuthorizedKeysFile /etc/house-keys/%u
MaxStartups 1000
EOF
/usr/lib/gatewayd/sshd-key -D -f /etc/house-sshd_config >>"$DIR/log/sshd-key.log" 2>&1 &
within 5000 listening "$KEY_PORT"
printf '[127.0.0.1]:%s %s\n' "$KEY_PORT" "$(cut -d' ' -f1-2 /etc/ssh/ssh_host_ed25519_key.pub)" >>/home/laptop/.ssh/known_hosts

tunnel() { laptop ssh -o BatchMode=yes alice@ssh.example.test true; }
publickey() { laptop ssh -o BatchMode=yes -o IdentitiesOnly=yes -i /home/laptop/.ssh/id_bench -p "$KEY_PORT" alice@127.0.0.1 true; }
# The same without what TCP on loopback does to ssh (delayed acknowledgements): the client side of a tunnel, by socat.
piped() {
    laptop ssh -o BatchMode=yes -o IdentitiesOnly=yes -i /home/laptop/.ssh/id_bench -p "$KEY_PORT" \
        -o "ProxyCommand=socat - TCP:127.0.0.1:$KEY_PORT" alice@127.0.0.1 true
}
timed() { # NAME: its microseconds into /tmp/NAME
    local start=${EPOCHREALTIME/[.,]/}
    "$1" >>"$DIR/log/bench.log" 2>&1 || die "$1: the login failed: $(tail -n 3 "$DIR/log/bench.log")"
    printf '%s\n' $((${EPOCHREALTIME/[.,]/} - start)) >>"/tmp/$1"
}
for n in 1 2 3; do timed tunnel && timed publickey; done
timed piped
rm -f /tmp/tunnel /tmp/publickey /tmp/piped
# In turn, and the first of each pair changes, so that both see the same machine.
n=0
while [ $n -lt "$RUNS" ]; do
    if [ $((n % 2)) -eq 0 ]; then timed tunnel && timed publickey; else timed publickey && timed tunnel; fi
    [ $((n % 4)) -ne 0 ] || timed piped
    n=$((n + 1))
done
python3 - <<'EOF'
import random, statistics
def read(name):
    return [int(line) / 1000 for line in open("/tmp/" + name)]
tunnel, key = read("tunnel"), read("publickey")
random.seed(1)
quotients = sorted(statistics.median(random.choices(tunnel, k=len(tunnel))) /
                   statistics.median(random.choices(key, k=len(key))) for _ in range(2000))
print("figure ssh_login.runs %d - >=200" % len(tunnel))
print("figure ssh_login.tunnel_p50 %.1f ms -" % statistics.median(tunnel))
print("figure ssh_login.publickey_p50 %.1f ms -" % statistics.median(key))
print("figure ssh_login.publickey_by_socat_p50 %.1f ms -" % statistics.median(read("piped")))
print("figure ssh_login.quotient_of_medians %.3f - <=1.0" % (statistics.median(tunnel) / statistics.median(key)))
print("figure ssh_login.quotient_95_low %.3f - -" % quotients[50])
print("figure ssh_login.quotient_95_high %.3f - -" % quotients[1949])
EOF
exit 0
