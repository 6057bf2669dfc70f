# shellcheck shell=bash disable=SC2034 # sourced; some variables are for the tests
# What the tests of the followed directory begin with: a private slapd on loopback with syncprov and memberof, a program
# that follows it, and a proxy that spoils what is said between them.
TOP=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MTLS_BUILT=${MTLS_BUILT:-$TOP/build/release}
FOLLOW=${1:-${DIRECTORY_FOLLOW:-$TOP/build/asan/tests/directory_follow}}
[ -x "$FOLLOW" ] || FOLLOW=$MTLS_BUILT/tests/directory_follow
[ -x "$FOLLOW" ] || { echo "no program $FOLLOW"; exit 1; }
DIR=$(mktemp -d "/tmp/$(basename "$0" .sh).XXXXXX") || exit 1
BASE=dc=example,dc=test GOOD=0 BAD=0 FOLLOWER='' OURS=()
export ASAN_OPTIONS=detect_leaks=0

# shellcheck disable=SC2317 # called by a trap
cleanup() {
    exec 9>&-
    [ -z "$FOLLOWER" ] || kill -KILL "$FOLLOWER" 2>/dev/null
    [ ${#OURS[@]} -eq 0 ] || kill -KILL "${OURS[@]}" 2>/dev/null
    wait 2>/dev/null
    if [ "$BAD" -gt 0 ] || [ -n "${KEEP:-}" ]; then echo "kept: $DIR"; else rm -rf "${DIR:?}"; fi
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# check NAME CMD...
check() {
    local name=$1
    shift
    if "$@"; then
        GOOD=$((GOOD + 1))
        echo "ok $name"
    else
        BAD=$((BAD + 1))
        echo "NOT ok $name"
    fi
}
summary() {
    check "no sanitizer has spoken" eval '! grep -l "Sanitizer\|runtime error" "$DIR"/seen.*.err'
    echo "$GOOD passed, $BAD failed"
    [ "$BAD" -eq 0 ]
}

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }

# within MS CMD...: repeats CMD until it is true, at most so long; says how long it took in TOOK.
within() {
    local end=$(($(now_ms) + $1)) begin
    begin=$(now_ms)
    shift
    until "$@"; do
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.02
    done
    TOOK=$(($(now_ms) - begin))
}

# A port that nobody listens on.
port() {
    local p
    while p=$((20000 + RANDOM % 20000)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || break
    done
    echo $p
}
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# slapd_make NAME: its configuration and its empty database, in $DIR/NAME.
slapd_make() {
    mkdir -p "$DIR/$1/db"
    cat >"$DIR/$1/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include $TOP/etc/quickstart.d/rfc2307bis.schema
pidfile $DIR/$1/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
moduleload memberof
${SLAPD_GLOBAL:-}
database mdb
maxsize 1073741824
suffix "$BASE"
rootdn "cn=admin,$BASE"
rootpw admin
directory $DIR/$1/db
index objectClass,entryUUID,entryCSN,uid,mail,member eq
limits dn.exact="cn=gatewayd,$BASE" size=unlimited time=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=gatewayd,$BASE" read by * none
overlay memberof
memberof-group-oc groupOfNames
${SLAPD_SYNCPROV-overlay syncprov
syncprov-checkpoint 100 1
syncprov-sessionlog 100}
CONF
}
# slapd_fill NAME: LDIF from stdin.
slapd_fill() { PATH=$PATH:/usr/sbin slapadd -q -f "$DIR/$1/slapd.conf" >>"$DIR/$1/slapadd.log" 2>&1; }
# slapd_start NAME PORT: its process in SLAPD.
slapd_start() {
    PATH=$PATH:/usr/sbin slapd -h "ldap://127.0.0.1:$2${SLAPD_MORE:+ $SLAPD_MORE}" -f "$DIR/$1/slapd.conf" -d 0 \
        >>"$DIR/$1/slapd.log" 2>&1 9>&- &
    SLAPD=$!
    OURS+=("$SLAPD")
    within 10000 listening "$2"
}
slapd_stop() { kill "$SLAPD" && wait "$SLAPD" 2>/dev/null; }
# change PORT: LDIF from stdin.
change() { ldapmodify -x -H "ldap://127.0.0.1:$1" -D "cn=admin,$BASE" -w admin >>"$DIR/change.log" 2>&1; }

user() {
    printf 'dn: uid=%s,ou=people,%s\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n' "$1" "$BASE"
    printf 'uid: %s\ncn: %s\nsn: %s\nmail: %s@example.org\nuidNumber: %s\ngidNumber: 10000\nhomeDirectory: /home/%s\n\n' \
        "$1" "$1" "$1" "$1" "$2" "$1"
}
# group NAME GID MEMBER...: with members by RDN below the base
group() {
    local name=$1 gid=$2 member
    shift 2
    printf 'dn: cn=%s,ou=groups,%s\nobjectClass: groupOfNames\nobjectClass: posixGroup\ncn: %s\ngidNumber: %s\n' \
        "$name" "$BASE" "$name" "$gid"
    for member in "$@"; do printf 'member: %s,%s\n' "$member" "$BASE"; done
    echo
}
top() {
    local ou
    printf 'dn: %s\nobjectClass: domain\ndc: example\n\n' "$BASE"
    for ou in people groups; do printf 'dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n' $ou "$BASE" $ou; done
    printf 'dn: cn=gatewayd,%s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n' "$BASE"
    printf 'cn: gatewayd\nuserPassword: secret\n\n'
}

# proxy PORT SERVER_PORT MODE_FILE: see fault_proxy.py
proxy() {
    python3 "$TOP/tests/system/fault_proxy.py" "$@" >>"$DIR/proxy.log" 2>&1 9>&- &
    OURS+=($!)
    within 5000 listening "$1"
}
# mode NAME WORD...: what the proxy of that mode file does from now on.
mode() {
    local name=$1
    shift
    echo "$*" >"$DIR/$name.new" && mv "$DIR/$name.new" "$DIR/$name"
}

# follow BIND_DN PASSWORD CA CERTIFICATE KEY URI...: starts the follower; SEEN is what it writes.
follow() {
    follow_end
    SEEN=$DIR/seen.$RANDOM
    [ -p "$DIR/stdin" ] || mkfifo "$DIR/stdin"
    "$FOLLOW" "$BASE" "$@" <"$DIR/stdin" >"$SEEN" 2>"$SEEN.err" &
    FOLLOWER=$!
    exec 9>"$DIR/stdin"
}
follow_end() {
    exec 9>&-
    [ -z "$FOLLOWER" ] || wait "$FOLLOWER"
    FOLLOWER=
}
# The newest line that begins so.
newest() { grep "^$1" "$SEEN" | tail -n 1; }
# shellcheck disable=SC2053 # the right side is a pattern
is() { [[ "$(newest "$1")" == $2 ]]; }
has_line() { grep -q -- "$1" "$SEEN"; }
age_below() { local age; age=$(newest age) && [ "${age#age }" -ge 0 ] && [ "${age#age }" -lt "$1" ]; }
mark() { LINES_BEFORE=$(wc -l <"$SEEN"); }
since_mark() { tail -n +$((LINES_BEFORE + 1)) "$SEEN" | grep -q -- "$1"; }
SIMPLE=("cn=gatewayd,$BASE" secret)
