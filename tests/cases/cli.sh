#!/usr/bin/env bash
# The command line's contract without a daemon: exit codes, what goes to stdout and to stderr, --json.
#   tests/cases/cli.sh GATEWAYCTL MTLS BENCH_AUDIT
set -u
CTL=$1 MTLS=$2 BENCH=$3
TOP=$(cd "$(dirname "$0")/../.." && pwd)
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
cd "$DIR" || exit 2
export HOME=$DIR NO_COLOR=1
FAILED=0 N=0

# expect NAME STATUS STDOUT-PATTERN STDERR-PATTERN COMMAND...: patterns are egrep; '' is anything, '-' is nothing
expect() {
    local name=$1 status=$2 out=$3 err=$4 rc
    shift 4
    N=$((N + 1))
    "$@" >out 2>err
    rc=$?
    [ "$rc" -eq "$status" ] || complain "$name: exit status $rc, not $status"
    matches "$out" out || complain "$name: stdout is not /$out/"
    matches "$err" err || complain "$name: stderr is not /$err/"
}
matches() {
    case $1 in
        '') true ;;
        -) [ ! -s "$2" ] ;;
        *) grep -Eq -- "$1" "$2" ;;
    esac
}
complain() {
    FAILED=$((FAILED + 1))
    echo "$1"
    sed 's/^/    /' out err
}

expect "no command" 2 '^Usage' - "$CTL"
expect "help" 0 'audit verify' - "$CTL" --help
expect "version" 0 '^gatewayctl [0-9]' - "$CTL" --version
expect "unknown command" 2 - 'no command "fly"' "$CTL" fly
expect "half a command" 2 - 'no command "audit"' "$CTL" audit
expect "unknown option" 2 - 'unknown option --fly' "$CTL" check --fly
expect "help of a command" 0 'Usage.*ca issue' - "$CTL" ca issue --help
expect "too few arguments" 2 - 'Usage.*ca list' "$CTL" ca list
expect "too many arguments" 2 - 'Usage.*ca list' "$CTL" ca list a b
expect "no daemon" 2 - 'does not answer' "$CTL" -c /nonexistent status
expect "a full disk is an error" 2 '' '' sh -c "'$CTL' --help >/dev/full"

# The man pages know every command and, for mtls, every option.
"$CTL" --help | sed -n 's/^  \([a-z]* \{0,1\}[a-z]*\) .*/\1/p' | sed 's/ *$//' >commands
while read -r name; do
    expect "gatewayctl.8 has $name" 0 '' - grep -q "^\.It Cm $name" "$TOP/cli/gatewayctl.8"
done <commands
[ "$(wc -l <commands)" -gt 20 ] || complain "gatewayctl --help: too few commands"
for name in connect whoami ssh-config; do
    expect "mtls.1 has $name" 0 '' - grep -q "^\.It Cm $name" "$TOP/cli/mtls.1"
    "$MTLS" "$name" --help | sed -n 's/^ .* --\([a-z]*\).*/\1/p' >>options
done
sort -u options | while read -r name; do
    grep -q "Fl Fl $name" "$TOP/cli/mtls.1" || echo "$name"
done >missing
expect "mtls.1 has all options" 1 - - grep . missing

expect "ca init" 0 'ca\.pem' - "$CTL" ca init ca --name "Test CA"
expect "ca init again" 2 - 'exists; it is never replaced: ca/ca.key' "$CTL" ca init ca --name "Test CA"
expect "ca init without a name" 2 - '--name' "$CTL" ca init ca2
expect "ca issue" 0 'a\.pem' - "$CTL" ca issue ca --cn alice --email alice@example.test --out a
expect "ca issue with JSON" 0 '"serial": "[0-9a-f]{32}"' - "$CTL" --json ca issue ca --cn bob --no-eku --out b
expect "ca issue for a server" 0 '' - "$CTL" ca issue ca --cn www.example.test --dns www.example.test --server --out s
expect "ca issue for a server without a name" 0 '' 'warning: neither --dns' "$CTL" ca issue ca --cn srv --server --out s2
expect "ca issue again" 2 - 'exists; it is never replaced: s.pem' "$CTL" ca issue ca --cn x --out s
expect "ca issue of an old one" 0 '' - "$CTL" ca issue ca --cn old --not-after 2020-01-01 --out o
expect "two uses" 2 - 'one of' "$CTL" ca issue ca --cn x --server --client
expect "bad days" 2 - '--days' "$CTL" ca issue ca --cn x --days 0
expect "bad time" 2 - 'is no TIME' "$CTL" ca issue ca --cn x --not-after tomorrow
expect "no such CA" 2 - 'cannot be read' "$CTL" ca issue nowhere --cn x
expect "no configuration" 2 - '^/nonexistent: .*cannot be read' "$CTL" -c /nonexistent policy check
expect "an age that is none" 2 - 'is no DURATION' "$CTL" sessions list --age tomorrow
expect "an age" 2 - 'does not answer' "$CTL" -c /nonexistent sessions list --age 1h
expect "crl" 0 'list\.crl' - "$CTL" ca crl ca --out list.crl
expect "verify" 0 '^ok' - "$CTL" verify --ca-file ca/ca.pem --crl list.crl a.pem
expect "crl in DER" 0 'list\.der' - "$CTL" ca crl ca --out list.der --der
expect "that is DER" 0 'CRL Number' - openssl crl -in list.der -inform DER -noout -text
expect "verify with it" 0 '^ok' - "$CTL" verify --ca-file ca/ca.pem --crl list.der a.pem
expect "revoke" 0 '^revoked' 'new list' "$CTL" ca revoke ca a.pem
expect "revoke again" 1 - 'already' "$CTL" ca revoke ca a.pem
expect "revoke what is not there" 1 - 'no such thing' "$CTL" ca revoke ca abcdef0123
expect "list" 0 'revoked .*CN=alice' - "$CTL" ca list ca
expect "list with JSON" 0 '"state": "revoked"' - "$CTL" ca list ca --json
expect "crl again" 0 '' - "$CTL" ca crl ca --out list.crl
expect "verify a revoked one" 1 'cert_revoked.*alert 44' - "$CTL" verify --ca-file ca/ca.pem --crl list.crl a.pem
expect "verify an expired one" 1 'cert_expired.*alert 45' - "$CTL" verify --ca-file ca/ca.pem o.pem
expect "verify one without clientAuth" 1 'cert_eku' - "$CTL" verify --ca-file ca/ca.pem s.pem
expect "verify later" 1 'cert_expired' - "$CTL" verify --ca-file ca/ca.pem --at +30000d b.pem
expect "verify with JSON" 1 '"reason": "cert_eku"' - "$CTL" verify --json --ca-file ca/ca.pem s.pem
for what in "crl list.crl" "untrusted ca/ca.pem" "policy 1.2.3" "eku warn"; do
    # shellcheck disable=SC2086 # an option and its value
    expect "verify with --${what%% *} and no --ca-file" 2 - 'need --ca-file' "$CTL" verify --$what b.pem
done
expect "verify nothing" 2 - 'cannot be read' "$CTL" verify --ca-file ca/ca.pem nothing.pem
expect "verify what is no certificate" 2 - 'no certificate' "$CTL" verify --ca-file ca/ca.pem a.key
"$CTL" ca init other --name "Other CA" >/dev/null
expect "verify under another CA" 1 'cert_unknown_ca' - "$CTL" verify --ca-file other/ca.pem a.pem
expect "identity show" 0 'san.email +alice@example.test' - "$CTL" identity show a.pem
expect "identity show nothing" 2 - 'cannot be read' "$CTL" identity show nothing.pem

mkdir tls run state log policy crl
cp s.pem tls/server.pem && cp s.key tls/server.key && cp list.crl crl/
cat >people.ldif <<'EOF'
dn: uid=alice,dc=example,dc=test
objectClass: posixAccount
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
mail: alice@example.test
createTimestamp: 20200101000000Z
uidNumber: 20001
gidNumber: 20001
homeDirectory: /home/alice
EOF
cat >gatewayd.conf <<EOF
run_dir   = "$DIR/run"
state_dir = "$DIR/state"
tls "default" { certificate = "$DIR/tls/server.pem"  key = "$DIR/tls/server.key" }
ca "users" { anchors = "$DIR/ca/ca.pem"  crls = {"$DIR/crl/"} }
listener "main" { address = {"127.0.0.1:0"}  tls = {"default"}  ca = {"users"}  max_connections = 100 }
service "echo" { listener = {"main"}  sni = {"echo.example.test"}  upstream = "127.0.0.1:7" }
directory "corp" { uri = {"file:$DIR/people.ldif"} }
mapping "by-mail" { ca = {"users"}  find = "(mail={san.email!only})"  strength = "weak-allowed" }
policy { directory = "$DIR/policy" }
audit { directory = "$DIR/log"  reader_group = "root" }
EOF
sed -i 's/127.0.0.1:0/127.0.0.1:8443/' gatewayd.conf
echo 'rule "all" { services = {"echo"}  users = {"alice"} }' >policy/10.conf
CONF=("$CTL" -c gatewayd.conf)
expect "policy check" 0 '^ok: 1 rule in 1 file$' - "${CONF[@]}" policy check
echo 'rule "all" { service = {"echo"} }' >policy/20.conf
expect "policy check finds the line" 1 '20\.conf:1: error.*service' - "${CONF[@]}" policy check
rm policy/20.conf
expect "identity map, revoked" 1 - 'is revoked' "${CONF[@]}" identity map --cert a.pem
expect "identity map" 0 'account +alice' - "${CONF[@]}" identity map --cert a.pem --no-verify
expect "identity map explains" 0 'find .*mail=alice@example.test' - "${CONF[@]}" identity map --cert a.pem --ca users --explain
expect "identity map without a value" 1 'no_value' - "${CONF[@]}" identity map --cert b.pem --no-verify
expect "identity map without an option" 2 - '--cert' "${CONF[@]}" identity map
grep -v createTimestamp people.ldif >young.ldif
expect "identity map, unsure" 3 'weak_mapping' - "${CONF[@]}" identity map --cert a.pem --no-verify --directory young.ldif
expect "a broken LDIF" 2 - 'line|malformed' "${CONF[@]}" identity map --cert a.pem --no-verify --directory gatewayd.conf
cp people.ldif good.ldif && echo "no colon" >>people.ldif
expect "check reads the LDIF" 1 'gatewayd\.conf:7: .*line' - "${CONF[@]}" check
mv good.ldif people.ldif
# What is valid and still keeps people out. As root there may be errors too: no service users.
warns() { # NAME PATTERN CONFIG
    expect "check warns of $1" 0 "warning: .*$2" - sh -c "'$CTL' -c $3 check; [ \$? -le 1 ]"
}
warns "a name that no certificate has" 'listener "main" names echo\.example\.test' gatewayd.conf
refuse() { expect "no warning of $1" 1 - - sh -c "'$CTL' -c gatewayd.conf check | grep -E '$2'"; }
refuse "mappings that let somebody in" 'finds by names alone|no mapping section'
warns "a name that is believed whoever signs it" '"by-mail" takes any name' gatewayd.conf
refuse "groups and accounts that are well" 'no group|unusable'
sed 's/ strength = "weak-allowed"//' gatewayd.conf >weak.conf
warns "a mapping that is too weak" '"by-mail" finds by names alone' weak.conf
grep -v ^mapping gatewayd.conf >none.conf
warns "no mapping at all" 'no mapping section' none.conf
echo 'rule "some" { services = {"echo"}  groups = {"nosuch"} }' >policy/20.conf
warns "a group that nobody has" 'rule "some": the directory has no group nosuch' gatewayd.conf
grep -v ^directory gatewayd.conf >none.conf
warns "groups without a directory" 'rule "some" tests groups and there is no directory' none.conf
rm policy/20.conf
sed 's/uidNumber: 20001/uidNumber: 20/' people.ldif >low.ldif
sed 's/people\.ldif/low.ldif/' gatewayd.conf >low.conf
warns "an account below min_id" 'uid=alice.*one below 1000' low.conf
grep -v '^control' gatewayd.conf >group.conf && echo 'control { lock = "nosuch" }' >>group.conf
expect "check finds a missing group" 1 'group\.conf:11: error: .*no group nosuch' - "$CTL" -c group.conf check
sed "s#^run_dir.*#run_dir = \"$DIR/none/run\"#" gatewayd.conf >folder.conf
expect "check finds a missing folder" 1 'error: .*run_dir: .*/none: No such' - "$CTL" -c folder.conf check
chmod 644 tls/server.key
expect "check finds a readable key" 1 'gatewayd\.conf:3: .*read by others' - "${CONF[@]}" check
cp a.key tls/server.key && chmod 600 tls/server.key
expect "check finds the wrong key" 1 'gatewayd\.conf:3: .*does not belong' - "${CONF[@]}" check
expect "check with JSON" 1 '"severity": "error"' - "${CONF[@]}" --json check
printf 'edges = 0\nedges = 1\ntls "x" { certifcate = "y" }\n' >>gatewayd.conf
expect "check finds the first error" 1 'gatewayd\.conf:12: .*edges' - "${CONF[@]}" check
expect "check finds the second error too" 1 'gatewayd\.conf:13: .*certifcate' - "${CONF[@]}" check
expect "a broken configuration still leads to the socket" 2 - 'does not answer' "${CONF[@]}" status

"$BENCH" log 20 2>/dev/null
expect "audit verify" 0 '^ok: 21 records' - "$CTL" audit verify log
expect "audit verify with JSON" 0 '"result": "ok"' - "$CTL" --json audit verify log
expect "audit tail" 0 'deny' - "$CTL" audit tail -d log -n 3
[ "$(wc -l <out)" -eq 3 ] || complain "audit tail: not 3 lines"
expect "audit tail with JSON" 0 '^\{.*\}$' - "$CTL" audit tail -d log -n 1 --json
expect "audit show" 0 '"ev": "deny"' - "$CTL" audit show -d log 01000000000000000000000000000003
expect "explain" 0 'denied +no rule' - "$CTL" explain -d log 01000000000000000000000000000003
expect "explain says rule and line" 0 '10-house\.conf:12' - "$CTL" explain -d log 01000000000000000000000000000003
expect "explain says ages" 0 'groups .*age 2 s' - "$CTL" explain -d log 01000000000000000000000000000003
expect "explain, ambiguous" 2 - 'several' "$CTL" explain -d log 0100000000
expect "explain, unknown" 1 - 'no record' "$CTL" explain -d log ffff
expect "explain, no id" 2 - 'is no id' "$CTL" explain -d log alice
expect "no log" 2 - 'holds no audit log' "$CTL" audit verify tls
expect "no directory" 2 - 'cannot be read' "$CTL" audit verify nowhere
FILE=$(printf '%s\n' log/audit-*.jsonl)
cp "$FILE" whole
sed -i '3s/CN=somebody/CN=nobody__/' "$FILE"
expect "an edit names its line" 5 'audit-0+1\.jsonl:3: edited' - "$CTL" audit verify log
sed '3d' whole >"$FILE"
expect "a gap" 4 'audit-0+1\.jsonl:3: gap' - "$CTL" audit verify log
head -c -5 whole >"$FILE"
expect "a torn tail" 3 'audit-0+1\.jsonl:21: torn' - "$CTL" audit verify log

expect "mtls without a command" 2 '^Usage' - "$MTLS"
expect "mtls help" 0 'connect' - "$MTLS" --help
expect "mtls unknown command" 2 - 'no command' "$MTLS" fly
expect "mtls without a gateway" 2 - 'gateway' "$MTLS" whoami
expect "mtls without a certificate" 2 - 'certificate' "$MTLS" whoami --gateway 127.0.0.1:1
expect "mtls, nobody there" 2 - 'cannot be reached' "$MTLS" whoami --gateway 127.0.0.1:1 --cert a.pem --key a.key --ca ca/ca.pem
expect "mtls, the wrong key" 2 - 'does not belong to the certificate: b.key and a.pem' "$MTLS" whoami --gateway 127.0.0.1:1 --cert a.pem --key b.key --ca ca/ca.pem
expect "mtls, no host and port" 2 - 'HOST:PORT' "$MTLS" connect --gateway nowhere --cert a.pem --key a.key x.y
# A plain TLS server that turns lines round, and wants a certificate; the kernel chooses the port.
openssl s_server -accept 127.0.0.1:0 -rev -cert s.pem -key s.key -CAfile ca/ca.pem -Verify 3 -verify_return_error \
    >server.log 2>&1 &
SERVER=$!
for _ in $(seq 50); do
    PORT=$(sed -n 's/^ACCEPT 127.0.0.1:\([0-9]*\).*/\1/p' server.log)
    [ -n "$PORT" ] && break
    sleep 0.1
done
via() {
    local cert=$1
    shift
    (echo hello && sleep 0.5) | timeout 10 "$MTLS" connect --gateway "127.0.0.1:$PORT" --ca ca/ca.pem --cert "$cert.pem" --key "$cert.key" "$@"
}
"$CTL" ca issue ca --cn carol --out c >/dev/null
expect "connect by server name" 0 '^olleh$' - via c www.example.test
expect "connect as ssh would" 0 '^olleh$' - via c --host www.example.test --port 22
expect "connect to another name" 2 - 'prove its name: hostname mismatch' via c ssh.example.test
expect "connect under another CA" 2 - 'prove its name' via c --ca other/ca.pem www.example.test
expect "connect with an expired certificate" 1 - 'refused the certificate: certificate expired' via o www.example.test
expect "connect to an address that the certificate lacks" 2 - 'IP address mismatch; --name says' via c
cp c.pem open.pem && cp c.key open.key && chmod 644 open.key
expect "a key for everybody" 0 '^olleh$' 'warning: open.key may be read' via open www.example.test
expect "a title needs mtls-gw/1" 2 - 'does not speak mtls-gw/1' via c --name www.example.test ssh
expect "whoami needs mtls-gw/1" 2 - 'does not speak mtls-gw/1' "$MTLS" whoami --gateway "127.0.0.1:$PORT" \
    --name www.example.test --ca ca/ca.pem --cert c.pem --key c.key
# Input that never ends, and a gateway that cuts the session: said at once.
mkfifo endless
exec 9<>endless
echo hello >&9
timeout 10 "$MTLS" connect --gateway "127.0.0.1:$PORT" --ca ca/ca.pem --cert c.pem --key c.key www.example.test \
    <endless >cut.out 2>cut.err &
CUT=$!
for _ in $(seq 50); do
    grep -q olleh cut.out && break
    sleep 0.1
done
kill -KILL "$SERVER"
expect "a session that the gateway ends" 1 '' '' wait "$CUT"
expect "and what is said of it" 0 'the gateway ended the session: gatewayctl audit tail says why' - cat cut.err
exec 9>&-

expect "ssh-config without a host" 2 - 'Usage' "$MTLS" ssh-config
expect "ssh-config" 0 'ProxyCommand mtls connect --host %h --port %p' - "$MTLS" ssh-config a.example.test
mkdir -p .config/mtls
printf 'gateway = "127.0.0.1:1"\ncrt = "a.pem"\n' >.config/mtls/config
expect "mtls settings with an error" 2 - 'config:2.*crt' "$MTLS" whoami

echo "$N cases, $FAILED failed"
[ "$FAILED" -eq 0 ]
