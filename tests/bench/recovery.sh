#!/usr/bin/env bash
# kill -9 of each process: how long until the first new connection is accepted, and until the first login is over.
# ROUNDS=3; the worst of them is the figure.
. "$(dirname "$(readlink -f "$0")")/../system/lib.sh"
ROUNDS=${ROUNDS:-3}
house_up
echoes() { [ "$(echo here | laptop timeout 5 mtls connect echo.example.test 2>/dev/null)" = here ]; }
login() { laptop timeout 10 ssh -o BatchMode=yes alice@ssh.example.test true; }
# worst ROLE WHAT FUNCTION GOAL
worst() {
    local role=$1 what=$2 function=$3 goal=$4 most=0 n=0
    while [ $n -lt "$ROUNDS" ]; do
        # shellcheck disable=SC2046,SC2086 # role and slot, pids
        kill -KILL $(gw_pids $role) 2>/dev/null
        within 15000 "$function" || WITHIN=15000
        [ "$WITHIN" -le $most ] || most=$WITHIN
        sleep 2.5 # a process that ends sooner than two seconds after its start waits longer each time
        n=$((n + 1))
    done
    printf 'figure recovery.%s.%s %d ms %s\n' "${role// /}" "$what" "$most" "$goal"
}
within 5000 login || die "no login before the first kill"
for role in spawn key directory audit decide 'edge 0' 'edge 1'; do
    worst "$role" connection echoes '<=1000'
    worst "$role" login login '<=1000'
done
exit 0
