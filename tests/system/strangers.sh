#!/usr/bin/env bash
# What strangers can do before they have an identity, and what an end that breaks a channel can: neither keeps the
# others out, and neither fills the disk of the audit log.
. "$(dirname "$0")/lib.sh"
promise "strangers neither lock others out nor fill the log"
house_up
sed -i '/max_handshakes_per_source/d' "$HOUSE_CONF" && gatewayctl reload >/dev/null

# logs_in_within MS NAME: alice gets an answer in that time.
logs_in_within() {
    local start ms
    start=$(date +%s%N)
    OUT=$(echo hello | laptop timeout 10 mtls connect echo.example.test 2>&1)
    ms=$((($(date +%s%N) - start) / 1000000))
    if [ "$OUT" = hello ] && [ $ms -le "$1" ]; then good "$2 ($ms ms)"; else bad "$2: $ms ms: $OUT"; fi
}

# --- a broken channel: the kernel's socket is shut down, both processes live
edge=$(pgrep -f '^gatewayd: edge 0')
cat >/tmp/break.py <<'END'
import ctypes, os, re, socket, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
pidfd = os.pidfd_open(pid)
channels = {line.split()[6] for line in open("/proc/net/unix") if line.split()[4] == "0005"}
broken = 0
for name in os.listdir("/proc/%d/fd" % pid):
    link = os.readlink("/proc/%d/fd/%s" % (pid, name))
    if int(name) > 3 and re.sub(r"\D", "", link) in channels:
        fd = libc.syscall(438, pidfd, int(name), 0)  # pidfd_getfd
        if fd < 0:
            sys.exit("pidfd_getfd: errno %d" % ctypes.get_errno())
        socket.socket(fileno=fd).shutdown(socket.SHUT_RDWR)
        broken += 1
sys.exit(0 if broken > 0 else "no channel was found")
END
check "an edge's channels are broken" python3 /tmp/break.py "$edge"
for _ in $(seq 50); do [ "$(pgrep -f '^gatewayd: edge 0')" != "$edge" ] && break; sleep 0.1; done
OUT=$(pgrep -f '^gatewayd: edge 0')
refute "the edge has been replaced" "^$edge\$"
sleep 1
OUT=$(grep -c 'warning event=channel_broken process=edge' "$DIR/log/gatewayd.log")
expect "once, and the log says why" '^1$'
OUT=$(for _ in $(seq 10); do echo x | laptop timeout 5 mtls connect echo.example.test 2>&1; done | grep -c '^x$')
expect "ten of ten connections work" '^10$'

# --- silent connections from many addresses, opened again as they close
cat >/tmp/silent.py <<'END'
import socket, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
end, held, opened = time.time() + seconds, [], 0
while time.time() < end:
    while len(held) < 5000:
        s = socket.socket()
        s.setblocking(False)
        s.bind(("127.1.%d.%d" % (opened // 250 % 20, opened % 250 + 1), 0))
        s.connect_ex(("127.0.0.1", port))
        held.append(s)
        opened += 1
        if time.time() > end:
            break
    time.sleep(0.05)
    open_ones = []
    for s in held:
        try:
            if s.recv(1):
                continue
        except BlockingIOError:
            open_ones.append(s)
            continue
        except OSError:
            pass
        s.close()
    held = open_ones
print(opened)
END
before=$(records | wc -l)
timeout 40 python3 /tmp/silent.py "$GW_PORT" 20 >/tmp/opened &
flood=$!
sleep 3
for n in 1 2 3 4 5 6 7 8; do
    logs_in_within 1000 "alice gets in beside thousands of silent connections, try $n"
    sleep 1
done
wait "$flood"
sleep 2
good "$(cat /tmp/opened) connections were opened"
new=$(($(records | wc -l) - before))
if [ "$new" -lt 2500 ]; then good "they left $new records"; else bad "they left $new records"; fi
OUT=$(records | jq -s 'map(select(.reason_code == "too_many_handshakes") | .count) | add > 1000')
expect "which count all that was dropped" '^true$'

# --- certificates of strangers, full of names
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /tmp/big.key -out /tmp/big.pem -days 1 \
    -subj "/CN=$(printf 'A%.0s' $(seq 60))/O=$(printf 'B%.0s' $(seq 60))/OU=$(printf 'C%.0s' $(seq 60))" \
    -addext "subjectAltName=$(for n in $(seq 60); do printf ',DNS:x%03d.%s.test' "$n" "$(printf 'b%.0s' $(seq 60))"; done | cut -c2-)" \
    >/dev/null 2>&1
chmod 644 /tmp/big.*
cat >/tmp/knock.py <<'END'
import socket, ssl, sys, time
end, n = time.time() + float(sys.argv[2]), 0
tls = ssl.create_default_context()
tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
tls.load_cert_chain("/tmp/big.pem", "/tmp/big.key")
while time.time() < end:
    s = socket.socket()
    try:
        s.bind(("127.2.%d.%d" % (n // 250 % 250, n % 250 + 1), 0))
        s.connect(("127.0.0.1", int(sys.argv[1])))
        s = tls.wrap_socket(s, server_hostname="echo.example.test")
        s.recv(1)
    except OSError:
        pass
    s.close()
    n += 1
print(n)
END
before=$(records | wc -l)
knocks=$(python3 /tmp/knock.py "$GW_PORT" 8)
sleep 2
records | tail -n "+$((before + 1))" | grep '"reason_code":"cert_' >/tmp/strange
OUT=$(jq -s 'map(.count) | add' /tmp/strange)
expect "each of $knocks refused certificates is counted" "^$knocks\$"
OUT=$(awk '{ if (length($0) > n) n = length($0) } END { print (n < 1500) }' /tmp/strange)
expect "no record of them is long" '^1$'
OUT=$(jq -c 'select(.cert.san)' /tmp/strange)
refute "no record carries their names" .
OUT=$(jq -r '.cert.sha256 // empty' /tmp/strange | sort -u | wc -l)
expect "each says which certificate" '^1$'
done_with_it
