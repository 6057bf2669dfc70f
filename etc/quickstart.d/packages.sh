# shellcheck shell=bash disable=SC2034 # sourced: the lists are for those who source it
# What has to be installed by apt, and how: on a machine that is not ours, so no service is started. Sourced.

BUILD_PACKAGES="gcc libc6-dev cmake ninja-build pkg-config libssl-dev libev-dev libconfuse-dev libldap-dev
    libpam0g-dev libseccomp-dev libjansson-dev libcap-ng-dev libhttp-parser-dev uthash-dev libcmocka-dev"
RUN_PACKAGES="slapd ldap-utils openssh-server openssh-client openssl sudo git socat busybox curl jq procps util-linux
    libpam-modules tzdata"
TEST_PACKAGES="clang llvm clang-format clang-tidy python3 universal-ctags shellcheck codespell pamtester postgresql-client strace
    libclang-rt-14-dev binutils libsss-certmap-dev"

packages_missing() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

# Runs CMD... while policy-rc.d forbids packages to start their services.
without_services() {
    local policy=/usr/sbin/policy-rc.d ours='' status=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && ours=1
    fi
    "$@" || status=$?
    [ -z "$ours" ] || rm -f "$policy"
    return $status
}

# packages_install LOG NAME...: says what is missing, installs it; the answers of apt go to LOG.
packages_install() {
    local log=$1 missing
    shift
    missing=$(packages_missing "$@")
    if [ -z "$missing" ]; then
        note "all packages are there already"
        return 0
    fi
    command -v apt-get >/dev/null || die "these packages are missing and there is no apt-get: $missing"
    note "apt-get installs: $missing"
    export DEBIAN_FRONTEND=noninteractive
    if command -v debconf-set-selections >/dev/null; then
        echo 'slapd slapd/no_configuration boolean true' | debconf-set-selections >>"$log" 2>&1
    fi
    # shellcheck disable=SC2086 # a list of words
    { apt-get -q update && without_services apt-get -q -y --no-install-recommends install $missing; } >>"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        die "apt-get could not install the packages; all of its answer is in $log"
    }
}

# build_preset PRESET LOG: configures and builds; the end of the log is shown when it fails.
build_preset() {
    { cmake --preset "$1" && cmake --build --preset "$1"; } >"$2" 2>&1 || {
        tail -n 30 "$2" >&2
        die "the build of preset $1 failed; all of it is in $2"
    }
}
