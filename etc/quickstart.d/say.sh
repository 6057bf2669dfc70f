# shellcheck shell=bash
# How the quickstart and the system tests speak: what they run, what came back, whether it is what was promised.
# Sourced. Sets OUT (what the last command printed) and RC (its exit status); counts in GOOD and BAD.

GOOD=0 BAD=0 OUT='' RC=0
QUIET=${QUIET:-}
FLOW_START_MS=

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s\n' "${t%???}"; }

say() { printf '%s\n' "$*"; }
note() { printf '  %s\n' "$*"; }
die() {
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

# title TEXT: a new chapter; says how long the one before took.
title() {
    title_end
    printf '\n== %s\n' "$*"
    FLOW_START_MS=$(now_ms)
}
title_end() {
    [ -n "$FLOW_START_MS" ] || return 0
    local took=$(($(now_ms) - FLOW_START_MS))
    printf '  (%d.%01d s)\n' $((took / 1000)) $((took % 1000 / 100))
    FLOW_START_MS=
}

# The command as somebody would type it.
command_line() {
    local word line=''
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_/.:=@,%+-]* | '') word="'${word//\'/\'\\\'\'}'" ;;
        esac
        line+="$word "
    done
    printf '%s' "${line% }"
}

# run CMD...: runs it without showing it.
run() {
    OUT=$("$@" 2>&1 </dev/null)
    RC=$?
}

# show CMD...: the command and what came back.
show() {
    local prompt='#' words
    # A shorthand of house.sh is shown as what it stands for.
    if [ "$(type -t "cmd_$1")" = function ]; then
        "cmd_$1" "${@:2}"
        set -- "${CMD[@]}"
    fi
    words=("$@")
    [ "$1" != laptop ] || { prompt='laptop$' && words=("${@:2}"); }
    [ -n "$QUIET" ] || printf '  %s %s\n' "$prompt" "$(command_line "${words[@]}")"
    run "$@"
    [ -n "$QUIET" ] || [ -z "$OUT" ] || printf '%s\n' "$OUT" | tail -n "${SHOW_LINES:-40}" | sed 's/^/    /'
}

good() {
    GOOD=$((GOOD + 1))
    printf '  ok   %s\n' "$*"
}
bad() {
    BAD=$((BAD + 1))
    printf '  FAIL %s\n' "$*"
    [ -z "$OUT" ] || printf '%s\n' "$OUT" | tail -n 20 | sed 's/^/         /'
}

# expect "what it shows" PATTERN: the last output matches (extended regular expression).
expect() {
    if printf '%s\n' "$OUT" | grep -qE -- "$2"; then good "$1"; else bad "$1 (no line like: $2)"; fi
}
# refute "what it shows" PATTERN: it does not.
refute() {
    if printf '%s\n' "$OUT" | grep -qE -- "$2"; then bad "$1 (there is a line like: $2)"; else good "$1"; fi
}
# expect_rc "what it shows" STATUS; !0 means any but 0.
expect_rc() {
    case $2 in
        '!0') if [ "$RC" -ne 0 ]; then good "$1"; else bad "$1 (exit status 0)"; fi ;;
        *) if [ "$RC" -eq "$2" ]; then good "$1"; else bad "$1 (exit status $RC, not $2)"; fi ;;
    esac
}
# check "what it shows" CMD...: the command succeeds.
check() {
    local what=$1
    shift
    run "$@"
    if [ "$RC" -eq 0 ]; then good "$what"; else bad "$what"; fi
}

# within MS CMD...: true as soon as CMD is, false when it is not within MS milliseconds. WITHIN is the time it took.
within() {
    local limit=$1 start
    shift
    start=$(now_ms)
    while ! "$@" >/dev/null 2>&1; do
        WITHIN=$(($(now_ms) - start))
        [ "$WITHIN" -lt "$limit" ] || return 1
        sleep 0.02
    done
    WITHIN=$(($(now_ms) - start))
}

# summary: the closing line; true when all went well.
summary() {
    title_end
    printf '\n%d passed, %d failed\n' "$GOOD" "$BAD"
    [ "$BAD" -eq 0 ]
}
