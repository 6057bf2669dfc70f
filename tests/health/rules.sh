#!/bin/sh
# House rules that a grep can see. Prints file:line of each breach; exit 1 when there is one.
# rules.sh [FILE...] looks at these files only (the hook does so); without arguments at all of them.
# A line that must break a rule says why in a comment of its own: /* rules: reason */
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0

if [ $# -gt 0 ]; then
    files=$(for f in "$@"; do [ -f "$f" ] && printf '%s\n' "$f"; done)
else
    files=$(git ls-files)
fi
product=$(printf '%s\n' "$files" | grep -E '^(common|policy|ldap|gatewayd|pam_mtls|nss_mtls|cli)/.*\.[ch]$')
code=$(printf '%s\n' "$files" | grep -E '\.[ch]$')
text=$(printf '%s\n' "$files" | grep -vE '^(tests/(fuzz/corpus|cases)/|LICENSE$|tests/health/)')

# rule NAME "what is wrong" FILES PATTERN
rule() {
    name=$1 what=$2 list=$3 pattern=$4
    [ -n "$list" ] || return 0
    # shellcheck disable=SC2086 # a list of paths without blanks
    hits=$(grep -nHE "$pattern" $list 2>/dev/null) || return 0
    hits=$(printf '%s\n' "$hits" | grep -vE '/\* rules: [a-z]|# rules: [a-z]') || return 0
    printf '%s\n    %s: %s\n' "$hits" "$name" "$what"
    bad=1
}

rule string "unbounded string function: use text.h, snprintf or the writer" "$code" \
    '(^|[^A-Za-z0-9_>."])(strcpy|strcat|sprintf|vsprintf|strtok|gets|stpcpy|strncat|alloca)\('
rule goto "goto: use the cleanup attributes" "$code" '^[^*/"]*[^A-Za-z0-9_"* ]? *\bgoto +[a-z_]+;'
rule number "atoi and friends hide errors: use text_to_..." "$product" '[^A-Za-z0-9_](atoi|atol|atoll|atof)\('
rule conditional "#if in a .c file: feature macros live in one place" \
    "$(printf '%s\n' "$product" | grep '\.c$')" '^ *# *(if|ifdef|ifndef|elif)\b'
rule unfinished "a word that marks something unfinished" "$text" \
    '(^|[^A-Za-z])(TODO|FIXME|XXX|HACK)([^A-Za-z]|$)|not (yet )?implemented|placeholder'
rule machine "a path or a host of one machine" "$text" \
    '(^|[^a-z])/(work|farm)/|/tmp/b/|https?://[a-z.]*(debian|npm|pypi)[a-z]*\.(org|com)'
rule logging "libraries return errors, the daemon logs" \
    "$(printf '%s\n' "$product" | grep -E '^(policy|ldap)/')" '(^|[^A-Za-z0-9_])(log_[a-z]+|syslog|fprintf)\('
rule environment "no getenv decides anything in a guest" \
    "$(printf '%s\n' "$product" | grep -E '^(pam_mtls|nss_mtls)/')" '(^|[^A-Za-z0-9_])getenv\('
rule random "randomness comes from getrandom or OpenSSL" "$product" '[^A-Za-z0-9_](rand|random|srand|drand48)\('
rule typedef "structs are not hidden behind a typedef" "$product" '^typedef struct'

if [ $# -eq 0 ] && command -v ctags >/dev/null 2>&1; then
    tests/health/measure.py --limits || bad=1
fi
[ $bad -eq 0 ] && echo "rules: ok"
exit $bad
