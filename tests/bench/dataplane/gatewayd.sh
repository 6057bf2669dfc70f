# shellcheck shell=bash disable=SC2034,SC2154 # sourced by run.sh of the data-plane bench: see peers/TEMPLATE.sh there
# gatewayd with everything on: identity from a directory of GW_USERS accounts, GW_RULES policy rules of which the last
# lets the client in, a durable audit log. One edge; run by an ordinary user, in one private directory.
#   MTLS_BUILT   where it was built (build/release)
peer_crl=1
peer_check() { [ -x "$MTLS_BUILT/gatewayd/gatewayd" ]; }
peer_version() { "$MTLS_BUILT/gatewayd/gatewayd" --version | sed "s/\$/, ${GW_USERS:-1000} users, ${GW_RULES:-10000} rules/"; }

gw_files() { # DIR: people, groups and rules
    awk -v n="${GW_USERS:-1000}" 'BEGIN {
        print "dn: dc=bench,dc=test\nobjectClass: domain\ndc: bench\n"
        for (i = 0; i < n; i++) {
            name = i ? "user" i : "alice"
            printf "dn: uid=%s,dc=bench,dc=test\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n", name
            printf "uid: %s\ncn: %s\nsn: %s\nmail: %s@bench.test\n", name, name, name, name
            printf "createTimestamp: 20240101000000Z\nuidNumber: %d\ngidNumber: %d\nhomeDirectory: /home/%s\n\n", 10000 + i, 10000 + i, name
        }
        for (g = 0; g < 50; g++) {
            printf "dn: cn=team%d,dc=bench,dc=test\nobjectClass: groupOfNames\nobjectClass: posixGroup\ncn: team%d\n", g, g
            printf "gidNumber: %d\n", 5000 + g
            for (i = g; i < n; i += 50) printf "member: uid=%s,dc=bench,dc=test\n", i ? "user" i : "alice"
            print ""
        }
    }' >"$1/people.ldif"
    awk -v n="${GW_RULES:-10000}" -v dir="$1/policy.d" 'BEGIN {
        for (i = 0; i < n; i++) {
            file = sprintf("%s/%04d.conf", dir, i / 1000)
            if (i == n - 1)
                printf "rule \"teams\" { services = {\"bench\"}  groups = {\"team0\"}  ca = {\"clients\"} }\n" >>file
            else
                printf "rule \"r%d\" { services = {\"bench\"}  groups = {\"group%d\"}  networks = {\"10.%d.%d.0/24\"} }\n", i, i, i / 256 % 256, i % 256 >>file
        }
    }'
}

gw_conf() { # DIR
    local revocation='revocation = "off"'
    [ -z "$CRL" ] || revocation="crls = {\"$1/ca.crl\"}  revocation = \"require\""
    cat <<EOF
run_dir   = "$1/run"
state_dir = "$1/state"
edges     = 1
log_level = "warning"
tls "default" { certificate = "$1/server.pem"  key = "$1/server.key" }
ca "clients" {
  anchors    = "$1/ca.pem"
  $revocation
}
listener "main" {
  address = {"127.0.0.1:$PORT"}  tls = {"default"}  ca = {"clients"}
  max_connections = ${GW_CONNECTIONS:-9000}
}
service "bench" { listener = {"main"}  upstream = "${GW_UPSTREAM:-127.0.0.1:$UPSTREAM_PORT}" }
directory "people" { uri = {"file:$1/people.ldif"}  base = "dc=bench,dc=test"  schema = "rfc2307bis" }
mapping "mail" { ca = {"clients"}  find = "(mail={san.email!only})"  strength = "weak-allowed" }
policy { directory = "$1/policy.d" }
audit { directory = "$1/log"  reader_group = "root" }
control { read = "root"  lock = "root"  admin = "root" }
EOF
}

peer_start() {
    local dir=$W/gatewayd run=()
    rm -rf "$dir" && mkdir -p "$dir/policy.d" "$dir/run" "$dir/state" "$dir/log"
    gw_files "$dir"
    cp "$SRV_CERT" "$dir/server.pem" && cp "$SRV_KEY" "$dir/server.key" && cp "$CA" "$dir/ca.pem" && chmod 600 "$dir/server.key"
    [ -z "$CRL" ] || cp "$CRL" "$dir/ca.crl"
    gw_conf "$dir" >"$dir/gatewayd.conf"
    if [ "$(id -u)" = 0 ]; then
        chown -R nobody: "$dir" && run=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    fi
    $PIN "${run[@]}" "$MTLS_BUILT/gatewayd/gatewayd" -c "$dir/gatewayd.conf" >"$W/gatewayd.log" 2>&1 &
    PEER_PID=$!
}
