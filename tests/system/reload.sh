#!/bin/bash
# Promise: a reload is whole or nothing: no process is replaced by a good one, a bad one changes nothing and says why;
# changed files are loaded by themselves, and what does not load leaves the last good set in force.
. "$(dirname "$(readlink -f "$0")")/core.sh"

CONF=$DIR/gatewayd.conf
pids() { pgrep -P "$PID" -f '^gatewayd: [^l]' | tr '\n' ' '; }
count() { grep -c -- "$1" "$DIR/log"; }
more_than() { [ "$(count "$2")" -gt "$1" ]; }
hang_up() { # PATTERN: sends SIGHUP and waits for one more line like this
    local before
    before=$(count "$1")
    kill -HUP "$PID"
    wait_for 5 more_than "$before" "$1"
}
refused() { # WHAT PATTERN: a reload is refused, and the log says PATTERN
    check "$1: refused" hang_up 'parent error event=reload_refused'
    check "$1: the log says why" logged "$2"
    check "$1: no process was replaced" [ "$(pids)" = "$BEFORE" ]
    cp "$DIR/good.conf" "$CONF"
}

private_etc
make_house
cp "$CONF" "$DIR/good.conf"
# shellcheck disable=SC2119 # started as it is
start
BEFORE=$(pids)

printf 'service "two" { listener = {"main"} sni = {"two.example.org"} upstream = "127.0.0.1:9" }\n' >>"$CONF"
check "a new service is taken" hang_up 'event=reloaded'
check "without a new process" [ "$(pids)" = "$BEFORE" ]
cp "$CONF" "$DIR/good.conf"

printf 'edgse = 3\nservice "three" { listener = {"nowhere"} upstream = "x" }\n' >>"$CONF"
refused "three errors" 'unknown option edgse; did you mean edges'
check "all errors at once" eval 'logged "there is no section listener" && logged "neither ADDRESS:PORT"'

sed -i 's/^edges = 2/edges = 3/' "$CONF"
refused "an option that needs a restart" 'only gatewayctl upgrade or a restart changes: edges'

sed -i "s#$DIR/key.pem#$DIR/nokey.pem#" "$CONF"
refused "a key that is not there" 'nokey.pem: No such file'

cp "$DIR/key.pem" "$DIR/open.pem" && chmod 644 "$DIR/open.pem"
sed -i "s#$DIR/key.pem#$DIR/open.pem#" "$CONF"
refused "a key that others may read" 'open.pem may be read by others'

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$DIR/other.pem" 2>/dev/null && chmod 600 "$DIR/other.pem"
printf 'not a certificate\n' >"$DIR/bad.pem"
sed -i "s#certificate = \"$DIR/cert.pem\"#certificate = \"$DIR/bad.pem\"#" "$CONF"
refused "a certificate that is none (an edge refuses)" 'process_refuses process=edge'
check "after a roll-back a good reload works" hang_up 'event=reloaded'

BEFORE_LOADS=$(count 'event=policy_loaded')
printf 'window "w" { tz = "Europe/Berlin" hours = {"00:00-24:00"} }\nrule "w" { users = {"bob"} services = {"echo"} windows = {"w"} }\n' >"$DIR/policy.d/w.conf"
check "a time zone reaches the policy" wait_for 3 more_than "$BEFORE_LOADS" 'event=policy_loaded'
rm "$DIR/policy.d/w.conf"
check "and leaves it" wait_for 3 more_than "$((BEFORE_LOADS + 1))" 'event=policy_loaded'
printf 'rule "b" { usrs = {"bob"} services = {"echo"} }\n' >"$DIR/policy.d/b.conf"
check "a changed policy is loaded by itself" wait_for 3 logged 'event=load_error file=.*b.conf'
refused "a broken policy" 'b.conf" line=1'
check "a broken policy leaves the last one" eval '[ "$(count event=policy_loaded)" -ge 1 ]'
BEFORE_LOADS=$(count 'event=policy_loaded')
printf 'rule "b" { users = {"bob"} services = {"echo"} }\n' >"$DIR/policy.d/b.conf"
check "mended, it is in force" wait_for 3 more_than "$BEFORE_LOADS" 'event=policy_loaded'

BEFORE_LOADS=$(count 'event=trust_loaded')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/ca2.key" -out "$DIR/ca2.pem" -days 30 \
    -subj /CN=second 2>/dev/null
cat "$DIR/cert.pem" "$DIR/ca2.pem" >"$DIR/new.pem" && mv "$DIR/new.pem" "$DIR/cert.pem"
check "a replaced file of anchors is loaded by itself" wait_for 3 more_than "$BEFORE_LOADS" 'event=trust_loaded'
check "no process was replaced in the end" [ "$(pids)" = "$BEFORE" ]

CTL="$MTLS_BUILT/cli/gatewayctl -c $CONF"
reload_errors() { $CTL --json status | tr -d ' \n' | grep -q '"reload_errors":\[{'; }
printf 'rule "b" { usrs = {"bob"} services = {"echo"} }\n' >"$DIR/policy.d/b.conf"
$CTL reload >/dev/null
check "status tells why the last reload was refused" reload_errors
printf 'rule "b" { users = {"bob"} services = {"echo"} }\n' >"$DIR/policy.d/b.conf"
check "until the file is mended" wait_for 3 eval '! reload_errors'

for WHAT in 'control { admin = "nosuch" }' 'audit { directory = "'"$DIR"'/audit" reader_group = "nosuch" }' \
    'audit { directory = "'"$DIR"'/none/audit" }'; do
    { grep -v '^audit' "$DIR/good.conf" && echo "$WHAT"; } >"$DIR/other.conf"
    LINE=$(wc -l <"$DIR/other.conf")
    "$GATEWAYD" --check -c "$DIR/other.conf" 2>"$DIR/log2"
    check "gatewayd --check refuses $WHAT" [ $? -eq 1 ]
    check "with its line" grep -q "other.conf:$LINE: " "$DIR/log2"
    "$MTLS_BUILT/cli/gatewayctl" -c "$DIR/other.conf" check >"$DIR/log2"
    check "gatewayctl check refuses $WHAT" [ $? -eq 1 ]
    check "with its line" grep -q "other.conf:$LINE: error" "$DIR/log2"
done

stop
summary
