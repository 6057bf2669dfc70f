#!/usr/bin/env bash
# Whatever is done to the log afterwards, `audit verify` names the file and the line, each case with its own status:
# 0 whole, 3 torn tail, 4 gap, 5 edit. And what is done to the file under a running daemon loses nothing.
. "$(dirname "$0")/lib.sh"
promise "nobody changes history unseen"
house_up
call() { echo "$1" | laptop mtls connect echo.example.test >/dev/null 2>&1; }
for n in 1 2 3 4 5 6; do call "$n"; done
sleep 0.5
run gatewayctl audit verify
expect_rc "the log of a running daemon is whole" 0

# with WHAT STATUS PATTERN CHANGE: a copy of the log, changed by CHANGE (run with FILE set)
with() {
    local what=$1 status=$2 pattern=$3 change=$4
    rm -rf /tmp/copy && mkdir /tmp/copy && cp "$HOUSE_AUDIT"/audit-*.jsonl /tmp/copy/
    export FILE # for the change
    FILE=$(printf '%s\n' /tmp/copy/audit-*.jsonl | head -n 1)
    eval "$change"
    run gatewayctl audit verify /tmp/copy
    expect_rc "$what: status $status" "$status"
    [ -z "$pattern" ] || expect "$what: names the place" "$pattern"
}
{
    with "untouched copy" 0 '' ':'
    with "one octet edited" 5 ':3\b|line 3\b' 'sed -i "3s/echo/ecno/" "$FILE"'
    with "a line taken out" 4 ':3\b|line 3\b' 'sed -i 3d "$FILE"'
    with "two lines swapped" '!0' ':[34]\b|line [34]\b' 'sed -i "3{h;d};4{G}" "$FILE"'
    with "a line put in twice" '!0' '' 'sed -i 3p "$FILE"'
    with "the tail torn" 3 '' 'truncate -s -5 "$FILE"'
    with "garbage at the end" '!0' '' 'printf "{\"v\":1}\n" >>"$FILE"'
    with "NULs in the middle" '!0' '' 'printf "\0\0\0" | dd of="$FILE" bs=1 seek=300 conv=notrunc status=none'
    with "the beginning cut off" '!0' '' 'sed -i 1d "$FILE"'
}

# Under the running daemon.
current=$(printf '%s\n' "$HOUSE_AUDIT"/audit-*.jsonl | tail -n 1)
before=$(record_count 'true')
mv "$current" /root/moved.jsonl
for n in 1 2 3; do call "$n"; done
sleep 0.5
check "the file was moved away: new connections leave records elsewhere" eval '[ "$(record_count ".ev == \"open\"")" -ge 3 ]'
mv /root/moved.jsonl "$current"
after=$(record_count 'true')
if [ "$after" -gt "$before" ]; then good "nothing is lost: $before records before, $after after"; else bad "$before records before, $after after"; fi

# A torn last line, as a crash leaves it: set aside at the next start, and the chain goes on.
gateway_stop
current=$(printf '%s\n' "$HOUSE_AUDIT"/audit-*.jsonl | tail -n 1)
printf '{"boot":"torn' >>"$current"
gateway_start || bad "gatewayd does not start with a torn log"
call torn
sleep 0.5
run gatewayctl audit verify
expect_rc "after a torn tail the log is whole again" 0
OUT=$(ls "$HOUSE_AUDIT")
expect "the torn line is set aside" 'torn'

# The disk full: nobody new gets in; space back: as before, and the event itself is recorded.
gateway_stop
umount "$HOUSE_AUDIT" && mount -t tmpfs -o size=3m,mode=755 tmpfs "$HOUSE_AUDIT"
gateway_start || bad "gatewayd does not start with a small log"
call before
dd if=/dev/zero of="$HOUSE_AUDIT/filler" bs=4096 status=none 2>/dev/null
full() { laptop mtls connect echo.example.test </dev/null 2>&1 | grep -q 'no audit record can be written'; }
if within 15000 full; then good "disk full: new connections are denied with the reason"; else bad "disk full: still connecting"; fi
rm -f "$HOUSE_AUDIT/filler"
echoes() { [ "$(echo here | laptop timeout 5 mtls connect echo.example.test 2>/dev/null)" = here ]; }
if within 10000 echoes; then good "space again: connects after $WITHIN ms"; else bad "space again: does not connect"; fi
OUT=$(records | grep -o audit_unavailable | head -n 1)
expect "the log tells of it" audit_unavailable
run gatewayctl audit verify
expect_rc "and is whole" 0
done_with_it
