# shellcheck shell=bash disable=SC2034 # sourced; some variables are for the tests
# What the tests of the daemon's own skeleton (processes, sandboxes, reload) begin with: a private copy of /etc with
# the service users, one private directory, a configuration without LDAP, SSH and PAM. No network but loopback.
#
#   MTLS_BUILT=DIR tests/system/NAME.sh   with the programs of DIR (default build/release)

TOP=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MTLS_BUILT=${MTLS_BUILT:-$TOP/build/release}
GATEWAYD=${GATEWAYD:-$MTLS_BUILT/gatewayd/gatewayd}
GOOD=0 BAD=0
export ASAN_OPTIONS=detect_leaks=0

die() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; exit 2; }
[ -x "$GATEWAYD" ] || die "no program $GATEWAYD"
[ "$(id -u)" = 0 ] || die "must be started by root"

if [ -z "${CORE_INSIDE:-}" ]; then
    CORE_INSIDE=1 exec unshare -m -n --propagation private "$0" "$@"
fi
busybox ip link set lo up || die "busybox is needed"

DIR=$(mktemp -d /tmp/mtls-core.XXXXXX) && chmod 755 "$DIR" || exit 2
# shellcheck disable=SC2317 # called by a trap
clean_up() {
    [ -z "${PID:-}" ] || kill -KILL "$PID" 2>/dev/null
    [ -n "${KEEP:-}" ] || rm -rf --one-file-system "${DIR:?}"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# shellcheck disable=SC2015 # die ends it all
private_etc() {
    local role
    mkdir "$DIR/etc" && cp -a /etc/. "$DIR/etc/" && mount --bind "$DIR/etc" /etc || die "cannot mount: CAP_SYS_ADMIN is needed"
    for role in load edge key decide directory fetch audit; do
        useradd --system --user-group --no-create-home --shell /usr/sbin/nologin "gatewayd-$role" || exit 2
    done
}

# make_house: keys, policy, configuration in $DIR.
make_house() {
    PORT=20000 # the network is our own
    mkdir "$DIR/policy.d" "$DIR/crl"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/key.pem" -out "$DIR/cert.pem" \
        -days 30 -subj /CN=gateway -addext subjectAltName=DNS:gateway 2>/dev/null
    chmod 600 "$DIR/key.pem"
    printf 'rule "a" { users = {"alice"} services = {"echo"} }\n' >"$DIR/policy.d/a.conf"
    cat >"$DIR/gatewayd.conf" <<END
run_dir = "$DIR/run"
state_dir = "$DIR/state"
edges = 2
log_level = "debug"
tls "default" { certificate = "$DIR/cert.pem" key = "$DIR/key.pem" }
ca "users" { anchors = "$DIR/cert.pem" revocation = "off" }
listener "main" { address = {"127.0.0.1:$PORT"} tls = {"default"} ca = {"users"} max_connections = 1000 }
service "echo" { listener = {"main"} upstream = "127.0.0.1:7" }
service "caps" { listener = {"main"} sni = {"caps.example.org"} upstream = "spawn:caps" }
spawn "caps" { command = {"/bin/cat", "/proc/self/status"} }
policy { directory = "$DIR/policy.d" }
audit { directory = "$DIR/audit" }
END
}

# start [COMMAND...]: starts the daemon (through COMMAND) and waits until it is ready.
start() {
    : >"$DIR/log"
    "$@" "$GATEWAYD" -c "$DIR/gatewayd.conf" 2>>"$DIR/log" &
    PID=$!
    wait_for 10 logged 'parent info event=ready ' || { cat "$DIR/log"; die "the daemon does not start"; }
}
stop() {
    kill -TERM "$PID" 2>/dev/null
    wait "$PID"
    PID=
}

logged() { grep -q -- "$1" "$DIR/log"; }
# wait_for SECONDS COMMAND...: until it is true.
wait_for() {
    local end=$(($(date +%s%N) + $1 * 1000000000))
    shift
    until "$@"; do
        [ "$(date +%s%N)" -lt "$end" ] || return 1
        sleep 0.02
    done
}
# pid_of NAME: of the process that ps calls "gatewayd: NAME", among the children of the daemon.
pid_of() { pgrep -P "$PID" -f "^gatewayd: $1\$"; }

# check WHAT COMMAND...: counts, and says what failed.
check() {
    local what=$1
    shift
    if "$@"; then
        GOOD=$((GOOD + 1))
    else
        BAD=$((BAD + 1))
        printf 'FAILED: %s\n' "$what"
    fi
}
summary() {
    [ "$BAD" -eq 0 ] || tail -n 25 "$DIR/log"
    printf '%s: %d passed, %d failed\n' "$(basename "$0" .sh)" "$GOOD" "$BAD"
    [ "$BAD" -eq 0 ]
}
