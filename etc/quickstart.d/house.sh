# shellcheck shell=bash disable=SC2034 # sourced; the variables are for those who source it
# The house inside of a private world: users, CA and certificates, slapd, sshd, services, gatewayd, all at their final
# paths. The quickstart and the system tests build the same one. Sourced after say.sh, inside of the world.
#
# Settings (before house_up): HOUSE_EDGES, HOUSE_MAX_STALE, HOUSE_ECHO (another upstream of echo), MTLS_BUILT
# (where the programs were built), MTLS_MODULES
# (where the PAM and NSS modules were: modules with AddressSanitizer do not load into a plain sshd).

HOUSE_EDGES=${HOUSE_EDGES:-2}
HOUSE_MAX_STALE=${HOUSE_MAX_STALE:-15m}
HOUSE_CONF=/etc/gatewayd/gatewayd.conf
HOUSE_AUDIT=/var/log/gatewayd
HOUSE_BASE="dc=example,dc=test"
CERTS=/home/laptop/certs
CA=/root/ca

# A free port on loopback, from 20000 on; asked for one after the other they differ.
HOUSE_NEXT_PORT=$((20000 + RANDOM % 8000))
free_port() {
    while (exec 3<>"/dev/tcp/127.0.0.1/$HOUSE_NEXT_PORT") 2>/dev/null; do HOUSE_NEXT_PORT=$((HOUSE_NEXT_PORT + 1)); done
    PORT=$HOUSE_NEXT_PORT
    HOUSE_NEXT_PORT=$((HOUSE_NEXT_PORT + 1))
}
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Runs a command as the ordinary local user who holds the certificates: what a person's laptop would do.
LAPTOP=(setpriv --reuid=laptop --regid=laptop --init-groups env HOME=/home/laptop USER=laptop LOGNAME=laptop)
laptop() { "${LAPTOP[@]}" "$@"; }

house_install() {
    local library modules
    local plain=${MTLS_MODULES:-$MTLS_BUILT}
    library=$(dirname "$(find /lib /usr/lib -name 'libnss_files.so.2' -o -name 'libnss_compat.so.2' | head -n 1)")
    modules=$(dirname "$(find /lib /usr/lib -name pam_unix.so | head -n 1)")
    install -D -m 755 "$MTLS_BUILT/gatewayd/gatewayd" /usr/sbin/gatewayd &&
        install -D -m 755 "$MTLS_BUILT/cli/gatewayctl" /usr/sbin/gatewayctl &&
        install -D -m 755 "$MTLS_BUILT/cli/mtls" /usr/bin/mtls &&
        install -D -m 644 "$plain/pam_mtls/pam_mtls.so" "$modules/pam_mtls.so" &&
        install -D -m 644 "$plain/nss_mtls/libnss_mtls.so.2" "$library/libnss_mtls.so.2" &&
        install -d /usr/lib/gatewayd && ln -sf /usr/sbin/sshd /usr/lib/gatewayd/sshd-gw
}

house_users() {
    local role
    for role in edge key decide directory fetch audit load; do
        id "gatewayd-$role" >/dev/null 2>&1 ||
            useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "gatewayd-$role" || return
    done
    useradd --create-home --shell /bin/bash laptop && useradd --create-home --shell /bin/bash empty &&
        usermod --password '' empty &&
        sed -i -E 's/^(passwd|group):.*/\1: files mtls/' /etc/nsswitch.conf
}

house_sshd() {
    local version
    version=$(ssh -V 2>&1 | sed -nE 's/^OpenSSH_([0-9]+)\.([0-9]+).*/\1 \2/p' | awk '{print $1 * 100 + $2}')
    [ "$version" -lt 908 ] || install -D -m 644 "$TOP/etc/sshd_config.d/gatewayd-9.8.conf" /etc/gatewayd/sshd_config.d/gatewayd-9.8.conf
    install -D -m 644 "$TOP/etc/sshd_config" /etc/gatewayd/sshd_config &&
        install -D -m 644 "$TOP/etc/pam.d/sshd-gw" /etc/pam.d/sshd-gw &&
        install -d -m 755 /run/sshd && ssh-keygen -A >/dev/null || return
    # One command as root, for members of the nested group: what is started must be able to run sudo.
    printf '%%admins ALL=(root) NOPASSWD: /usr/bin/id, /usr/bin/grep\n' >/etc/sudoers.d/house && chmod 440 /etc/sudoers.d/house
    rm -f /etc/nologin /run/nologin
}

house_slapd_conf() {
    local password=$1
    cat <<EOF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include $TOP/etc/quickstart.d/rfc2307bis.schema
pidfile /run/house-slapd/pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
moduleload memberof
authz-regexp "gidNumber=0[+]uidNumber=0,cn=peercred,cn=external,cn=auth" "cn=admin,$HOUSE_BASE"
database mdb
maxsize 104857600
suffix "$HOUSE_BASE"
rootdn "cn=admin,$HOUSE_BASE"
directory /var/lib/house-slapd
index objectClass,entryUUID,entryCSN,uid,mail,uidNumber,gidNumber,member eq
limits dn.exact="cn=gatewayd,ou=services,$HOUSE_BASE" size=unlimited time=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=gatewayd,ou=services,$HOUSE_BASE" read by * none
overlay memberof
memberof-group-oc groupOfNames
overlay syncprov
syncprov-checkpoint 100 1
syncprov-sessionlog 1000
EOF
}

slapd_start() {
    slapd -h "ldapi://%2Frun%2Fhouse-slapd%2Fldapi ldap://127.0.0.1:$LDAP_PORT" -f /etc/house-slapd.conf -d 0 \
        >>"$DIR/log/slapd.log" 2>&1 &
    SLAPD=$!
    within 10000 listening "$LDAP_PORT"
}
slapd_stop() {
    kill "$SLAPD" && wait "$SLAPD" 2>/dev/null
}
# ldap_change: LDIF on standard input, as the directory's administrator.
ldap_change() { ldapmodify -Q -Y EXTERNAL -H ldapi://%2Frun%2Fhouse-slapd%2Fldapi; }

# group_member add|delete GROUP USER
group_member() {
    ldap_change <<EOF
dn: cn=$2,ou=groups,$HOUSE_BASE
changetype: modify
$1: member
member: uid=$3,ou=people,$HOUSE_BASE
EOF
}

house_slapd() {
    local password
    password=$(openssl rand -hex 16) || return
    install -d -m 700 /var/lib/house-slapd /run/house-slapd && install -d -m 755 /etc/gatewayd/ldap || return
    free_port
    LDAP_PORT=$PORT
    house_slapd_conf "$password" >/etc/house-slapd.conf || return
    (umask 077 && printf '%s' "$password" >/etc/gatewayd/ldap/password) && slapd_start &&
        sed "s/@PASSWORD@/$password/" "$TOP/etc/quickstart.d/house.ldif" |
        ldapadd -Q -Y EXTERNAL -H ldapi://%2Frun%2Fhouse-slapd%2Fldapi >>"$DIR/log/slapd.log" 2>&1
}

# issue CA NAME OPTIONS...: a certificate and a key for the laptop, CERTS/NAME.pem and CERTS/NAME.key
issue() {
    local ca=$1 name=$2
    shift 2
    gatewayctl ca issue "$ca" --out "$CERTS/$name" "$@" && chown laptop:laptop "$CERTS/$name".*
}
# person USER [NAME]: a good one
person() { issue "$CA/users" "${2:-$1}" --cn "$1" --email "$1@example.test" --client; }

house_ca() {
    local name
    install -d -m 700 "$CA" && install -d -m 755 /etc/gatewayd/tls /etc/gatewayd/ca /etc/gatewayd/crl &&
        install -d -o laptop -g laptop -m 700 "$CERTS" &&
        gatewayctl ca init "$CA/users" --name "Example Users CA" &&
        gatewayctl ca init "$CA/servers" --name "Example Servers CA" &&
        gatewayctl ca init "$CA/other" --name "Somebody Else's CA" &&
        gatewayctl ca issue "$CA/servers" --cn gateway.example.test --server --dns gateway.example.test \
            --dns ssh.example.test --dns echo.example.test --dns trace.example.test --dns web.example.test \
            --out /etc/gatewayd/tls/server &&
        install -m 644 "$CA/users/ca.pem" /etc/gatewayd/ca/users.pem &&
        install -m 644 "$CA/servers/ca.pem" "$CERTS/ca.pem" || return
    for name in alice bob carol dora revoked; do person "$name" || return; done
    issue "$CA/other" stranger --cn alice --email alice@example.test --client &&
        issue "$CA/users" expired --cn alice --email alice@example.test --client --not-after "$(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%SZ)" &&
        issue "$CA/users" server-only --cn alice --email alice@example.test --server &&
        gatewayctl ca revoke "$CA/users" "$CERTS/revoked.pem" && crl_publish
}

# The three TCP services: echo, a web server, and one that shows the PROXY header it got.
house_services() {
    free_port
    ECHO_PORT=$PORT
    free_port
    WEB_PORT=$PORT
    free_port
    TRACE_PORT=$PORT
    install -d /srv/house && printf 'hello from the web service\n' >/srv/house/index.html
    cat >/usr/local/sbin/house-trace <<'EOF'
#!/bin/sh
# Shows the PROXY protocol v2 header (12 octets signature, 2, 2 length) and answers one line.
start=$(dd bs=1 count=16 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
length=$((0x$(printf '%s' "$start" | cut -c29-32)))
rest=$(dd bs=1 count="$length" 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
echo "signature $(printf '%s' "$start" | cut -c1-24)"
echo "command and family $(printf '%s' "$start" | cut -c25-28), $length octets follow"
ip=$(printf '%s' "$rest" | cut -c1-8)
printf 'source %d.%d.%d.%d\n' "0x$(printf '%s' "$ip" | cut -c1-2)" "0x$(printf '%s' "$ip" | cut -c3-4)" \
    "0x$(printf '%s' "$ip" | cut -c5-6)" "0x$(printf '%s' "$ip" | cut -c7-8)"
echo "TLVs $(printf '%s' "$rest" | cut -c25-)"
EOF
    chmod 755 /usr/local/sbin/house-trace
    socat "TCP-LISTEN:$ECHO_PORT,bind=127.0.0.1,reuseaddr,fork,backlog=1024" PIPE >>"$DIR/log/echo.log" 2>&1 &
    socat "TCP-LISTEN:$TRACE_PORT,bind=127.0.0.1,reuseaddr,fork" EXEC:/usr/local/sbin/house-trace >>"$DIR/log/trace.log" 2>&1 &
    busybox httpd -f -p "127.0.0.1:$WEB_PORT" -h /srv/house >>"$DIR/log/web.log" 2>&1 &
    within 5000 listening "$ECHO_PORT" && within 5000 listening "$WEB_PORT" && within 5000 listening "$TRACE_PORT"
}

# As many connections as the limit of open files allows: two files each, and some to spare.
max_connections() {
    local files
    files=$(ulimit -Hn)
    case $files in unlimited | ???????*) files=1000000 ;; esac
    files=$(((files - 1024) / 2))
    [ "$files" -le 100000 ] || files=100000
    echo "$files"
}

house_config() {
    cat <<EOF
# The whole gateway on one page; every option: man gatewayd.conf
edges = $HOUSE_EDGES
tls "default" {
    certificate = "/etc/gatewayd/tls/server.pem"
    key         = "/etc/gatewayd/tls/server.key"
}
ca "users" {
    anchors    = "/etc/gatewayd/ca/users.pem"
    crls       = {"/etc/gatewayd/crl/"}
    revocation = "require"
}
listener "main" {
    address = {"127.0.0.1:$GW_PORT"}
    tls     = {"default"}
    ca      = {"users"}
    max_connections           = $(max_connections)
    max_handshakes_per_source = 4096
}
service "ssh" {
    listener = {"main"}
    sni      = {"ssh.example.test"}
    upstream = "spawn:sshd"
    protocol = "ssh"
    confirm  = "pam"
}
service "echo" {
    listener = {"main"}
    sni      = {"echo.example.test"}
    upstream = "${HOUSE_ECHO:-127.0.0.1:$ECHO_PORT}"
}
service "web" {
    listener = {"main"}
    sni      = {"web.example.test"}
    upstream = "127.0.0.1:$WEB_PORT"
}
service "trace" {
    listener   = {"main"}
    sni        = {"trace.example.test"}
    upstream   = "127.0.0.1:$TRACE_PORT"
    send_proxy = "v2"
}
spawn "sshd" {
    command = {"/usr/lib/gatewayd/sshd-gw", "-i", "-f", "/etc/gatewayd/sshd_config"}
    user    = "root"
}
directory "corp" {
    uri           = {"ldap://127.0.0.1:$LDAP_PORT"}
    base          = "$HOUSE_BASE"
    schema        = "rfc2307bis"
    bind          = "simple"
    bind_dn       = "cn=gatewayd,ou=services,$HOUSE_BASE"
    password_file = "/etc/gatewayd/ldap/password"
    max_stale     = "$HOUSE_MAX_STALE"
}
mapping "by-mail" {
    ca       = {"users"}
    match    = {"san.email ~ *@example.test"}
    find     = "(mail={san.email!only})"
    strength = "weak-allowed"
}
policy { directory = "/etc/gatewayd/policy.d" }
audit  { directory = "$HOUSE_AUDIT" }
EOF
}

house_policy() {
    install -d -m 755 /etc/gatewayd/policy.d
    cat >/etc/gatewayd/policy.d/10-house.conf <<'EOF'
rule "ops log in" {
    services = {"ssh"}
    groups   = {"ops"}
    login_as = {"self"}
    owner    = "platform team"
}
rule "people use the small services" {
    services = {"echo", "web", "trace"}
    groups   = {"people"}
}
rule "bob may not use echo" {
    effect   = "deny"
    services = {"echo"}
    users    = {"bob"}
    message  = "echo is not for bob"
}
EOF
}

# What the laptop knows: the gateway's address and alice's certificate; then ssh, scp and git need nothing else.
house_laptop() {
    install -d -o laptop -g laptop -m 700 /home/laptop/.ssh /home/laptop/.config /home/laptop/.config/mtls &&
        cat >/home/laptop/.config/mtls/config <<EOF
gateway = "127.0.0.1:$GW_PORT"
name    = "gateway.example.test"
cert    = "$CERTS/alice.pem"
key     = "$CERTS/alice.key"
ca      = "$CERTS/ca.pem"
EOF
    cat >/home/laptop/.ssh/config <<EOF
Host ssh.example.test
    ProxyCommand mtls connect --host %h --port %p
EOF
    printf 'ssh.example.test %s\n' "$(cut -d' ' -f1-2 /etc/ssh/ssh_host_ed25519_key.pub)" >/home/laptop/.ssh/known_hosts
    chown -R laptop:laptop /home/laptop
}

gateway_start() {
    gatewayd -c "$HOUSE_CONF" >>"$DIR/log/gatewayd.log" 2>&1 &
    GATEWAYD=$!
    within 10000 gateway_ready
}
gateway_ready() { gatewayctl status && gateway_fresh; }
# The directory has been read once: somebody can be found.
gateway_fresh() { getent passwd alice; }
gateway_stop() { kill "$GATEWAYD" && wait "$GATEWAYD" 2>/dev/null; }

# house_up: everything, from an empty world to a gateway that answers. Each part says its name when it fails.
house_up() {
    local part
    # The audit log lies on the machine's own disk, so that fdatasync is what it is elsewhere.
    if ! { install -d "$DIR/log/audit" "$HOUSE_AUDIT" && mount --bind "$DIR/log/audit" "$HOUSE_AUDIT"; }; then
        die "no audit directory"
    fi
    free_port
    GW_PORT=$PORT
    for part in install users sshd slapd ca services policy laptop; do
        "house_$part" >>"$DIR/log/house.log" 2>&1 || {
            tail -n 20 "$DIR/log/house.log" >&2
            die "the part '$part' of the house could not be made"
        }
    done
    house_config >"$HOUSE_CONF"
    gateway_start || {
        tail -n 30 "$DIR/log/gatewayd.log" >&2
        die "gatewayd is not ready after 10 seconds"
    }
}

# --- what tests ask of a running house ---------------------------------------------------------------------------

# ssh_as NAME, mtls_as NAME: like laptop, with the certificate of NAME in place of alice's
cmd_ssh_as() {
    CMD=(laptop ssh -o BatchMode=yes -o "ProxyCommand=mtls connect --cert $CERTS/$1.pem --key $CERTS/$1.key --host %h --port %p" "${@:2}")
}
cmd_mtls_as() { CMD=(laptop mtls "$2" --cert "$CERTS/$1.pem" --key "$CERTS/$1.key" "${@:3}"); }
# s_client NAME SERVERNAME ARGS...: plain openssl; NAME "" is no certificate
cmd_s_client() {
    CMD=(laptop openssl s_client -quiet -verify_return_error -verify_hostname "$2" -CAfile "$CERTS/ca.pem"
        -servername "$2" -connect "127.0.0.1:$GW_PORT")
    [ -z "$1" ] || CMD+=(-cert "$CERTS/$1.pem" -key "$CERTS/$1.key")
    CMD+=("${@:3}")
}
cmd_crl_publish() { CMD=(gatewayctl ca crl "$CA/users" --days 7 --out /etc/gatewayd/crl/users.crl); }
ssh_as() { cmd_ssh_as "$@" && "${CMD[@]}"; }
mtls_as() { cmd_mtls_as "$@" && "${CMD[@]}"; }
s_client() { cmd_s_client "$@" && "${CMD[@]}"; }
crl_publish() { cmd_crl_publish && "${CMD[@]}"; }

# pids of a process of the daemon: role [slot]; "parent" is the first one
gw_pids() {
    if [ "$1" = parent ]; then echo "$GATEWAYD"; else pgrep -f "^gatewayd: $1${2:+ $2}\$"; fi
}
# All audit records as a stream of JSON lines, oldest first.
records() { cat "$HOUSE_AUDIT"/audit-*.jsonl; }
# record_where JQ-CONDITION: the last record for which it holds, all on one line
record_where() { records | jq -c "select($1)" 2>/dev/null | tail -n 1; }
# record_count JQ-CONDITION
record_count() { records | jq -c "select($1)" 2>/dev/null | wc -l; }
