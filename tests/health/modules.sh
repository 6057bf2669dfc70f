#!/bin/sh
# What the two guests promise about themselves: they export exactly their entry points, need libc (and
# libpam) only, ask no environment, and PAM_SUCCESS and PAM_IGNORE stand where the review looks.
# usage: modules.sh SOURCE_DIR PAM_MODULE NSS_MODULE
set -eu
source_dir=$1 pam=$2 nss=$3
failed=0

complain() {
    echo "modules.sh: $*" >&2
    failed=1
}

# same NAME EXPECTED FOUND
same() {
    [ "$2" = "$3" ] || complain "$1: expected [$2], found [$3]"
}

exports() {
    nm -D --defined-only "$1" | awk '{print $3}' | sort | tr '\n' ' '
}

# A build with sanitizers needs their libraries too.
needed() {
    readelf -d "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -Ev '^lib(asan|ubsan)\.' | sort | tr '\n' ' '
}

imports() {
    nm -D --undefined-only "$1" | awk '{print $2}' | sed 's/@.*//' | sort -u
}

same "exports of pam_mtls.so" \
    "pam_sm_acct_mgmt pam_sm_authenticate pam_sm_chauthtok pam_sm_close_session pam_sm_open_session pam_sm_setcred " \
    "$(exports "$pam")"
same "exports of libnss_mtls.so.2" \
    "_nss_mtls_endgrent _nss_mtls_endpwent _nss_mtls_getgrent_r _nss_mtls_getgrgid_r _nss_mtls_getgrnam_r _nss_mtls_getpwent_r _nss_mtls_getpwnam_r _nss_mtls_getpwuid_r _nss_mtls_initgroups_dyn _nss_mtls_setgrent _nss_mtls_setpwent " \
    "$(exports "$nss")"
same "libraries of pam_mtls.so" "libc.so.6 libpam.so.0 " "$(needed "$pam")"
same "libraries of libnss_mtls.so.2" "libc.so.6 " "$(needed "$nss")"

for module in "$pam" "$nss"; do
    # The environment decides nothing; signals, threads, children and exit are the host process's own.
    for name in getenv secure_getenv setenv putenv system popen fork execve pthread_create atexit \
        signal sigaction alarm setlocale umask chdir setuid seteuid abort exit openlog closelog; do
        imports "$module" | grep -qx "$name" && complain "$module calls $name"
    done
    readelf -d "$module" | grep -q NODELETE && complain "$module stays loaded after dlclose"
done

# Lines of code (comments left out) that name a code of PAM.
sites() {
    cat "$source_dir"/pam_mtls/*.c | sed 's,/\*.*\*/,,' | grep -v '^ \*' | grep -v '[!=]= PAM_SUCCESS' |
        grep -c "$1" || true
}
# auth, account, open_session: once each behind ALLOW; setcred and close_session: always.
same "places that return PAM_SUCCESS" 5 "$(sites 'return.*PAM_SUCCESS')"
same "places that return success behind ALLOW" 3 "$(sites 'return event == EVENT_ALLOW ? PAM_SUCCESS : outcome_refusal(event, PHASE_')"
# The rows of scope, local_users and observe, three phases each on two lines, and chauthtok's first pass.
same "lines with PAM_IGNORE" 7 "$(sites PAM_IGNORE)"
exit $failed
