# shellcheck shell=bash disable=SC2034 # sourced; some variables are for the tests
# What every system test begins with: it starts itself again inside of a private world, builds the house of the
# quickstart there, and ends with a line "N passed, N failed". Each test runs alone:
#
#   tests/system/NAME.sh                 with the programs of build/release
#   MTLS_BUILT=DIR tests/system/NAME.sh  with others
#
# A test is: settings, `. lib.sh`, `promise "..."`, what it does and expects, `done_with_it`.

TOP=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
. "$TOP/etc/quickstart.d/say.sh"
. "$TOP/etc/quickstart.d/world.sh"
. "$TOP/etc/quickstart.d/house.sh"

MTLS_BUILT=${MTLS_BUILT:-$TOP/build/release}
QUIET=1

# shellcheck disable=SC2317 # called by a trap
outside_clean_up() {
    [ -z "${WORLD:-}" ] || { kill -KILL "$WORLD" && wait "$WORLD"; } 2>/dev/null
    if [ -n "${KEEP:-}" ]; then say "logs are in $DIR/log"; else rm -rf --one-file-system "${DIR:?}"; fi
}

# Outside: makes the world and waits for it. Never returns there.
outside_run() {
    local trouble status
    trouble=$(world_trouble)
    [ -z "$trouble" ] || die "$trouble"
    [ -x "$MTLS_BUILT/gatewayd/gatewayd" ] || die "no programs in $MTLS_BUILT: cmake --preset release && cmake --build --preset release"
    umask 022
    ulimit -n "$(ulimit -Hn)" # for the tests with many connections
    DIR=$(mktemp -d "/tmp/mtls-$(basename "$0" .sh).XXXXXX") && chmod 755 "$DIR" && mkdir "$DIR/log" || exit 1
    trap outside_clean_up EXIT
    trap 'exit 130' INT TERM HUP
    world_enter "$DIR" "$(readlink -f "$0")" "$@" &
    WORLD=$!
    wait "$WORLD"
    status=$?
    WORLD=
    exit $status
}

promise() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*"; }

# done_with_it: the closing line and the exit status; the daemon's log when something failed.
done_with_it() {
    # No process may have ended by itself, whatever the test was about.
    OUT=$(grep -hE 'AddressSanitizer|runtime error:|signal=(4|5|6|7|8|11|31)\b|status=[1-9]' "$DIR/log/gatewayd.log" 2>/dev/null)
    refute "no process of the daemon crashed" .
    [ "$BAD" -eq 0 ] || { say "--- end of the daemon's log" && tail -n "${LOG_LINES:-25}" "$DIR/log/gatewayd.log"; }
    summary
    exit
}

if [ "${1:-}" = --inside ]; then
    DIR=$2
    shift 2
else
    outside_run "$@"
fi
