#!/bin/bash
# Promise: kill -9 of any process but the parent, and it is back within a second, with all that it needs; what the
# spawn process has started outlives it; the parent gone, everything ends; an orderly end is one.
. "$(dirname "$(readlink -f "$0")")/core.sh"

ROLES="spawn audit directory decide key edge\ 0 edge\ 1"

ready_again() { [ "$(grep -c "event=process_ready process=${1%% *} slot=${2:-0}" "$DIR/log")" -gt "$3" ]; }
is_new() { [ -n "$(pid_of "$1")" ] && [ "$(pid_of "$1")" != "$2" ]; }
none_runs() {
    local pid
    for pid in "$@"; do ! grep -q '^State:[^ZX]*$' "/proc/$pid/status" 2>/dev/null || return 1; done
}
port_open() { timeout 1 bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT" 2>/dev/null; }

# shellcheck disable=SC2120 # it sets its own arguments
kill_each() {
    local name slot before old start_ns ms
    eval "set -- $ROLES"
    for name in "$@"; do
        slot=${name##* }
        case $slot in [0-9]*) ;; *) slot=0 ;; esac
        before=$(grep -c "event=process_ready process=${name%% *} slot=$slot" "$DIR/log")
        old=$(pid_of "$name")
        start_ns=$(date +%s%N)
        kill -KILL "$old"
        check "$name is back within a second" wait_for 1 ready_again "$name" "$slot" "$before"
        ms=$((($(date +%s%N) - start_ns) / 1000000))
        check "$name is a new process" is_new "$name" "$old"
        check "clients may connect after the end of $name" port_open
        printf '  %-12s back after %4d ms\n' "$name" "$ms"
    done
}

kill_again_and_again() {
    local i
    for i in 1 2 3 4 5 6; do
        kill -KILL "$(pid_of key)" 2>/dev/null
        sleep 0.3
    done
    check "key is back after six kills in a row (try $i)" wait_for 6 pid_of key >"$DIR/pid"
}

all_together() {
    # shellcheck disable=SC2046 # one word per process
    kill -KILL $(pgrep -P "$PID" -f '^gatewayd: ')
    check "all are back" wait_for 3 eval '[ "$(pgrep -c -P "$PID" -f "^gatewayd: ")" -eq 7 ]'
}

parent_killed() {
    local children
    children=$(pgrep -P "$PID" -f '^gatewayd: ')
    kill -KILL "$PID"
    wait "$PID" 2>/dev/null
    # shellcheck disable=SC2086 # one word per process
    check "the parent killed, everything ends" wait_for 1 none_runs $children
    PID=
}

orderly_end() {
    stop
    check "an orderly end says so" logged 'event=ended'
    check "audit ends last" eval 'tail -n 5 "$DIR/log" | grep -q "process=audit.*status=0"'
    check "no process was killed at the end" eval '! sed -n "/event=ending/,\$p" "$DIR/log" | grep -q "signal=9"'
}

second_daemon() {
    "$@" "$GATEWAYD" -c "$DIR/gatewayd.conf" 2>"$DIR/log2"
    check "a second daemon in the same run_dir is refused" [ $? -eq 1 ]
    check "and says why" grep -q 'another gatewayd runs' "$DIR/log2"
    sed -e "s#^run_dir.*#run_dir = \"$DIR/run2\"#" -e "s#$DIR/audit#$DIR/audit2#" "$DIR/gatewayd.conf" >"$DIR/second.conf"
    timeout 5 "$@" "$GATEWAYD" -c "$DIR/second.conf" 2>"$DIR/log2"
    check "one with its own run_dir and the same address is refused" [ $? -eq 1 ]
    check "and names the address" grep -q "address 127.0.0.1:$PORT: Address already in use" "$DIR/log2"
    rm -rf "$DIR/run2" "$DIR/audit2"
}

run_all() {
    start "$@"
    # shellcheck disable=SC2119
    kill_each
    second_daemon "$@"
    sleep 2
    kill_again_and_again
    sleep 1
    all_together
    orderly_end
    start "$@"
    parent_killed
}

private_etc
make_house
echo "started by root"
run_all
echo "started by an ordinary user"
rm -rf "$DIR/run" "$DIR/state" "$DIR/audit"
chown -R nobody:nogroup "$DIR/policy.d" "$DIR"/*.pem "$DIR/gatewayd.conf"
chown nobody:nogroup "$DIR"
run_all setpriv --reuid=nobody --regid=nogroup --clear-groups
summary
