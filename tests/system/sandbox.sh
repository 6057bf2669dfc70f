#!/usr/bin/env bash
# Seen from outside: each process has its own user, no capability, no_new_privs, a seccomp filter and an empty root;
# what one holds another cannot read. What spawn starts has none of that.
. "$(dirname "$0")/lib.sh"
promise "each process is alone with what it holds"
# The process fetch is there when there is something to fetch.
eval "$(declare -f house_config | sed '1s/house_config/house_config_alone/')"
house_config() { house_config_alone | sed 's,crls       = {"/etc/gatewayd/crl/"},crls       = {"/etc/gatewayd/crl/"\, "http://127.0.0.1:9/users.crl"},'; }
house_up
status() { awk -v field="$2:" '$1 == field {print $2}' "/proc/$1/status"; }

seen=''
for role in 'edge 0' 'edge 1' key decide directory fetch audit; do
    # shellcheck disable=SC2086 # role and slot
    pid=$(gw_pids $role)
    [ -n "$pid" ] || {
        bad "there is no process '$role'"
        continue
    }
    uid=$(status "$pid" Uid)
    OUT="uid $uid nnp $(status "$pid" NoNewPrivs) seccomp $(status "$pid" Seccomp) eff $(status "$pid" CapEff) prm $(status "$pid" CapPrm) bnd $(status "$pid" CapBnd) inh $(status "$pid" CapInh) amb $(status "$pid" CapAmb)"
    expect "$role: not root" 'uid [1-9]'
    expect "$role: runs as gatewayd-${role% *}" "uid $(id -u "gatewayd-${role% *}") "
    expect "$role: no_new_privs" 'nnp 1'
    expect "$role: seccomp filter" 'seccomp 2'
    expect "$role: no capability, none to be had" 'eff 0+ prm 0+ bnd 0+ inh 0+ amb 0+$'
    OUT=$(awk '$1 == "Groups:" {print NF - 1}' "/proc/$pid/status")
    expect "$role: no supplementary groups" '^0$'
    OUT=$(find "/proc/$pid/root/" -mindepth 1 2>&1)
    # Name resolution reads these; no other process resolves names.
    case $role in directory | fetch) false ;; esac || OUT=$(printf '%s\n' "$OUT" | grep -vE '/root/etc(/(services|nsswitch.conf|resolv.conf|hosts|host.conf|gai.conf))?$')
    if [ -n "$OUT" ]; then bad "$role: its root is not empty: $OUT"; else good "$role: an empty root"; fi
    OUT=$(grep -E 'Max core file size' "/proc/$pid/limits")
    expect "$role: leaves no core" 'size +0 +0'
    case $seen in *" $uid "*) [ "$role" = 'edge 1' ] || bad "$role: shares its uid with another process" ;; esac
    seen="$seen $uid "
done

parent=$(gw_pids parent)
OUT=$(status "$parent" CapEff)
refute "the parent has not all capabilities" "^$(status $$ CapEff)\$"

# Files, asked as the users of the processes: what they could open if nothing but permissions stopped them.
may_read() { setpriv --reuid="gatewayd-$1" --regid="gatewayd-$1" --clear-groups cat "$2" >/dev/null 2>&1; }
log=$(printf '%s\n' "$HOUSE_AUDIT"/audit-*.jsonl | head -n 1)
for role in edge key decide directory fetch audit load; do
    for file in /etc/gatewayd/tls/server.key /etc/gatewayd/ldap/password "$log"; do
        [ "$role $file" != "audit $log" ] || continue # may open its own log: it appends to it
        if may_read "$role" "$file"; then bad "gatewayd-$role may read $file"; else good "gatewayd-$role may not read $file"; fi
    done
done
if laptop cat "$log" >/dev/null 2>&1; then bad "an ordinary user may read the log"; else good "an ordinary user may not read the log"; fi

# Descriptors: who holds the key file, the log, a network socket.
holds() { # ROLE PATTERN
    find "/proc/$(gw_pids "$1" | head -n 1)/fd" -printf '%l\n' 2>/dev/null | grep -E "$2"
}
for role in edge key decide directory fetch; do
    OUT=$(holds "$role" 'audit-.*\.jsonl')
    refute "$role holds no descriptor of the log" 'jsonl'
done
for role in edge decide directory fetch audit; do
    OUT=$(holds "$role" 'server\.key')
    refute "$role holds no descriptor of the key" 'server'
done
for role in key audit; do
    pid=$(gw_pids "$role")
    OUT=$(find "/proc/$pid/fd" -printf '%l\n' | grep -c '^socket:')
    tcp=$(for inode in $(find "/proc/$pid/fd" -printf '%l\n' | sed -n 's/socket:\[\(.*\)\]/\1/p'); do grep -w "$inode" /proc/net/tcp /proc/net/tcp6; done)
    OUT=$tcp
    refute "$role holds no TCP socket" '[0-9]'
done

# The key itself is in the memory of one process only.
secret=$(openssl pkey -in /etc/gatewayd/tls/server.key -text -noout | sed -n '/priv:/,/pub:/p' | tr -d ' :\n' | sed 's/^priv//; s/pub$//; s/^00//')
in_memory() { # PID
    local range
    while read -r range _; do
        dd if="/proc/$1/mem" bs=4096 iflag=skip_bytes,count_bytes skip=$((0x${range%-*})) count=$((0x${range#*-} - 0x${range%-*})) status=none 2>/dev/null
    done < <(awk '$2 ~ /^rw/ && $6 !~ /^\[v/' "/proc/$1/maps") | od -An -v -tx1 | tr -d ' \n' | grep -q "$secret"
}
echo warm | laptop mtls connect echo.example.test >/dev/null 2>&1
for role in 'edge 0' decide directory fetch audit; do
    # shellcheck disable=SC2086
    if in_memory "$(gw_pids $role)"; then bad "the private key is in the memory of $role"; else good "no private key in the memory of $role"; fi
done

# What spawn starts must be able to do what a login does.
OUT=$(laptop ssh -o BatchMode=yes alice@ssh.example.test 'grep -E "NoNewPrivs|Seccomp:|CapBnd" /proc/self/status; sudo -n id -un' 2>&1)
expect "a login has NoNewPrivs 0" 'NoNewPrivs:[[:space:]]*0'
expect "a login has no filter" 'Seccomp:[[:space:]]*0'
expect "a login has its full bounding set" "CapBnd:[[:space:]]*$(status $$ CapBnd)"
expect "a login has a working sudo" '^root$'
done_with_it
