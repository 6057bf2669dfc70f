#!/bin/bash
# Promise: what a taken process tries from inside of its sandbox, it cannot do. The program gatewayd_try is gatewayd
# with one hook (sandbox_try.c): each role tries one thing right after its sandbox has closed.
GATEWAYD=${GATEWAYD:-${MTLS_BUILT:-$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)/build/release}/tests/gatewayd_try}
. "$(dirname "$(readlink -f "$0")")/core.sh"

# role: what kills it (SIGSYS); what is refused; what it is allowed to do. AddressSanitizer builds may open files.
MATRIX="
edge      exec fork ptrace kill open open-below socket | root new-code
key       exec fork ptrace kill open open-below socket | root new-code
load      exec fork ptrace kill open open-below socket | root new-code
decide    exec fork ptrace kill open open-below | root new-code
directory exec fork ptrace kill | root new-code open open-below
fetch     exec fork ptrace kill | root new-code open open-below
audit     exec fork ptrace kill open socket | root new-code open-below"

over() { logged "try=$1 result=" || logged "process_ended process=$2 .*signal=31" || logged 'event=load_crashed'; }

try_one() { # role try fate prefix...
    local role=$1 try=$2 fate=$3
    shift 3
    : >"$DIR/log"
    MTLS_TEST_TRY=$role:$try MTLS_TEST_PATH=$DIR/key.pem "$@" "$GATEWAYD" -c "$DIR/gatewayd.conf" 2>>"$DIR/log" &
    PID=$!
    wait_for 5 over "$try" "$role"
    kill -KILL "$PID"
    wait "$PID" 2>/dev/null
    PID=
    check "$role was there to try $try" logged "trying.*try=$try\|event=trying try=$try"
    check "$role: $try is not possible" eval "! logged 'result=possible'"
    [ "$fate" = refused ] && check "$role: $try is refused" logged "try=$try result=refused"
    [ "$fate" = killed ] && check "$role: $try kills it" eval "! logged 'try=$try result='"
}

run_matrix() {
    local role tries try fate
    while read -r role tries; do
        [ -n "$role" ] || continue
        fate=killed
        for try in $tries; do
            if [ "$try" = "|" ]; then fate=refused; continue; fi
            # An AddressSanitizer build may open files: its own rows. What it opens is still not the key.
            case $try:$(nm -D "$GATEWAYD" | grep -c __asan_init) in open*:[1-9]*) try_one "$role" "$try" any "$@" ;;
            *) try_one "$role" "$try" "$fate" "$@" ;; esac
        done
    done <<<"$MATRIX"
}

private_etc
make_house
sed -i 's/revocation = "off"/revocation = "off" ocsp = "soft"/' "$DIR/gatewayd.conf" # so that fetch is there
run_matrix "$@"
summary
