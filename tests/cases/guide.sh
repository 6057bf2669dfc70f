#!/usr/bin/env bash
# docs/data-plane.md cannot lie: each block of configuration in it passes `gatewayd --check` over the guide's base, or is
# refused with the words that it names; policy blocks load; commands exist; each option of the data plane is explained.
# The whole configurations of gatewayd.conf(5) and etc/gatewayd.conf pass as they are, and each command that a man page
# or a reason tells to run exists.
#   tests/cases/guide.sh GATEWAYD GATEWAYCTL MTLS
set -u
GATEWAYD=$1 CTL=$2 MTLS=$3
TOP=$(cd "$(dirname "$0")/../.." && pwd)
GUIDE=$TOP/docs/data-plane.md
WHOLE=("$TOP/gatewayd/gatewayd.conf.5" "$TOP/etc/gatewayd.conf")
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
export NO_COLOR=1
N=0 FAILED=0

complain() {
    FAILED=$((FAILED + 1))
    echo "$1"
    [ ! -s "$DIR/out" ] || sed 's/^/    /' "$DIR/out"
}

# The files that the examples name, all of one small authority.
"$CTL" ca init "$DIR/ca" --name "Guide CA" >/dev/null &&
    "$CTL" ca issue "$DIR/ca" --cn echo.example.org --dns echo.example.org --server --out "$DIR/server" >/dev/null &&
    "$CTL" ca crl "$DIR/ca" --out "$DIR/list.crl" >/dev/null || exit 2
ETC=$DIR/etc/gatewayd
mkdir -p "$ETC"/{tls,ca,crl,ldap} "$DIR/run" "$DIR/var/lib" "$DIR/var/log" "$DIR/policy"
: >"$ETC/people.ldif"
install -m 600 /dev/stdin "$ETC/ldap/password" <<<secret
cp "$DIR/list.crl" "$ETC/crl/"
cp "$DIR/list.crl" "$ETC/extra.crl"
grep -oh '"/etc/gatewayd/[^"]*\.\(pem\|key\)"' "$GUIDE" "${WHOLE[@]}" | tr -d '"' | sort -u | while read -r path; do
    case $path in
        */ca/*) cp "$DIR/ca/ca.pem" "$DIR$path" ;;
        *.key) install -m 600 "$DIR/server.key" "$DIR$path" ;;
        *) cp "$DIR/server.pem" "$DIR$path" ;;
    esac
done

# blocks KIND: the fenced blocks of that kind, DIR/KIND.LINE each.
blocks() {
    awk -v kind="$1" -v dir="$DIR" '
        /^```/ { if (file) { close(file); file = "" } else if ($0 == "```" kind) { file = dir "/" kind "." sprintf("%04d", NR); next } else if ($0 != "```") skip = !skip; next }
        file { print > file }' "$GUIDE"
}
# over BASE BLOCK: the base with the sections and options of the block in place of its own.
over() {
    awk '
        function head(line) { sub(/[ \t]*[{=].*/, "", line); return line }
        FNR == 1 { part++ }
        part == 1 { if (/^[a-z]/) mine[head($0)] = 1; next }
        part == 2 { if (/^[a-z]/) drop = (head($0) in mine); if (!drop) print; if (/^}/) drop = 0; next }
        { print }' "$2" "$1" "$2"
}
# The daemon's own service users are nobody's concern here: as root the check runs as an ordinary user.
as_somebody() {
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}
check() { # BASE BLOCK
    local wanted place=${2#"$DIR/"}
    N=$((N + 1))
    # Where the files lie and how many may be open is this machine's matter, not the guide's.
    over "$1" "$2" | sed -e "s#\"/etc/gatewayd/#\"$ETC/#g" -e "s#file:/etc/#file:$DIR/etc/#" \
        -e 's/max_connections *= 10000/max_connections = 100/' >"$DIR/try.conf"
    cat >>"$DIR/try.conf" <<END
run_dir   = "$DIR/run/gatewayd"
state_dir = "$DIR/var/lib/gatewayd"
policy { directory = "$DIR/policy" }
audit { directory = "$DIR/var/log/gatewayd"  reader_group = "root" }
END
    wanted=$(sed -n 's/^# refused: //p' "$2")
    as_somebody "$GATEWAYD" -c "$DIR/try.conf" --check >"$DIR/out" 2>&1
    case $?,$wanted in
        0,) ;;
        0,*) complain "$place: is not refused" ;;
        1,?*) [ "$(wc -l <"$DIR/out"),$(grep -cF -- "$wanted" "$DIR/out")" = 1,1 ] || complain "$place: refused, but not for \"$wanted\" alone" ;;
        *) complain "$place: does not pass --check" ;;
    esac
}

blocks conf
BASE=$(find "$DIR" -name 'conf.*' | sort | sed -n '1s/.*conf\.//p')
blocks policy
blocks sh
cat "$DIR"/policy.* >"$DIR/policy/10-guide.conf"
chmod 755 "$DIR"
[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$DIR"
for block in "$DIR"/conf.*; do check "$DIR/conf.$BASE" "$block"; done
sed -n '/^\.Sh EXAMPLES/,/^\.Sh/{/^\.Bd/,/^\.Ed/{/^\./!p}}' "${WHOLE[0]}" >"$DIR/page.example"
grep -vE '^(policy|audit) ' "${WHOLE[1]}" >"$DIR/etc.example"
for whole in page etc; do check "$DIR/$whole.example" "$DIR/$whole.example"; done
[ "$N" -ge 15 ] || complain "only $N blocks of configuration found"

: >"$DIR/out"
over "$DIR/conf.$BASE" "$DIR/conf.$BASE" | sed -e "s#\"/etc/gatewayd/#\"$ETC/#g" -e "s#file:/etc/#file:$DIR/etc/#" >"$DIR/try.conf"
as_somebody "$CTL" -c "$DIR/try.conf" policy check "$DIR/policy" >"$DIR/out" 2>&1 || complain "the policy does not load"

# Commands and their options are known to --help: those of the guide, of the man pages' examples, of reasons.
known() { # PROGRAM WHERE VERB WORDS...
    local program=$1 where=$2 verb=$3 word
    shift 3
    N=$((N + 1))
    "$program" "$verb" --help >"$DIR/help" 2>/dev/null </dev/null || "$program" "$verb" "${1:-}" --help >"$DIR/help" 2>/dev/null </dev/null ||
        complain "$where: no command: ${program##*/} $verb $*"
    for word in "$@"; do
        case $word in --*) grep -q -- "$word" "$DIR/help" || complain "$where: ${program##*/} $verb has no $word" ;; esac
    done
}
: >"$DIR/out"
commands() { grep -oE "^ *$1 [a-z][^|\"]*" | sed 's/ *#.*//; s/&&.*//; s/^ *//' | cut -d' ' -f2-; }
while read -r verb rest; do
    # shellcheck disable=SC2086 # words
    known "$CTL" data-plane.md "$verb" $rest
done < <(cat "$DIR"/sh.* | commands gatewayctl)
for page in "$TOP/gatewayd/gatewayd.8" "$TOP/cli/gatewayctl.8"; do
    while read -r verb rest; do
        # shellcheck disable=SC2086 # words
        known "$CTL" "${page##*/}" "$verb" $rest
    done < <(sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$page" | grep -v -- '--json' | commands gatewayctl)
done
for program in "$CTL" "$MTLS"; do
    while read -r verb rest; do
        # shellcheck disable=SC2086 # words
        known "$program" common/reasons.h "$verb" $rest
    done < <(grep -oE "\"(.*; )?${program##*/} [a-z]+( [a-z]+)?" "$TOP/common/reasons.h" | sed "s/.*${program##*/} //" | sort -u)
done
[ "$N" -ge 45 ] || complain "only $N examples and commands found"

# Each option of these sections stands in the guide.
for section in tls ca listener service upstream_tls; do
    sed -n "s/^OPTION($section, \([a-z_]*\),.*/\1/p" "$TOP/gatewayd/shared/config_options.h"
done | sort -u | while read -r option; do
    grep -qw -- "$option" "$GUIDE" || echo "$option"
done >"$DIR/out"
[ ! -s "$DIR/out" ] || complain "docs/data-plane.md does not speak of these options:"

[ "$FAILED" -eq 0 ] && echo "docs/data-plane.md: $N examples hold" && exit 0
exit 1
