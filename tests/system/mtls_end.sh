#!/usr/bin/env bash
# What mtls says and how it ends: of sessions that the gateway ends, of services that there are not, of certificates
# that it refuses.
. "$(dirname "$0")/lib.sh"
. "$TOP/etc/quickstart.d/tour.sh"
promise "mtls says at once why it has ended, with an id that explain finds"
house_up

is_up() { grep -q hello /tmp/echo.out; }
mtls_gone() { ! kill -0 "$MTLS" 2>/dev/null; }

# Ten times: what decides between the two ways to see the end is a race.
mkfifo /tmp/endless
exec 9<>/tmp/endless
for i in 1 2 3 4 5 6 7 8 9 10; do
    : >/tmp/echo.out
    "${LAPTOP[@]}" mtls connect echo </tmp/endless >/tmp/echo.out 2>/tmp/echo.err &
    MTLS=$!
    echo hello >&9
    within 10000 is_up || { bad "session $i did not begin: $(cat /tmp/echo.err)" && break; }
    gatewayctl sessions kill --user alice >/dev/null
    within 1000 mtls_gone || { bad "session $i: mtls goes on" && kill "$MTLS"; }
    wait "$MTLS"
    RC=$?
    OUT=$(cat /tmp/echo.err)
    expect_rc "killed, $i: status 1" 1
    expect "killed, $i: the sentence and the id" 'the gateway ended the session: session [0-9a-f]{32} \(gatewayctl explain says why\)'
done
exec 9>&-
ID=$(shown_id)
is_closed() { gatewayctl explain "$ID" | grep -q killed; }
within 2000 is_closed
run gatewayctl explain "$ID"
expect "explain knows that id" 'killed'
expect "and where the session went" '^went to +[^ ]+$'

for service in nosuch ''; do
    run laptop mtls connect $service
    expect_rc "service \"$service\": denied" 1
    expect "service \"$service\": a decision" 'decision [0-9a-f]{32}'
    refute "service \"$service\": no zero id" '0{32}'
    run gatewayctl explain "$(shown_id)"
    expect "service \"$service\": explain finds it" 'no such service|names no service'
    expect "service \"$service\": and who it was" 'alice'
done

for certificate in stranger expired revoked server-only; do
    run mtls_as "$certificate" connect echo
    expect_rc "$certificate: refused" 1
    expect "$certificate: in words" 'the gateway refused the certificate'
done
run gatewayctl --json status
expect "the status shows the refusals" '"reason": ?"cert_revoked"'
done_with_it
