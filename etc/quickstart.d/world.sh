# shellcheck shell=bash
# A private world: a mount, a process and a network namespace (loopback only) with an overlay of / on tmpfs as its
# root. useradd, nsswitch.conf,
# pam.d, libnss and sshd change nothing outside, and when its first process ends, everything in it ends. Sourced.
#
# world_enter DIR SCRIPT ARGS... &   runs SCRIPT --inside DIR ARGS... as the first process of a new world, which ends
#                                    with this process
# DIR is the only place that inside and outside share.

# One sentence when this machine cannot do it, nothing otherwise.
world_trouble() {
    local answer
    if [ "$(id -u)" -ne 0 ]; then
        echo "must be started as root (it makes users, namespaces and a sshd, all in a private root directory)"
        return
    fi
    if ! answer=$(unshare --mount --pid --net --fork true 2>&1); then
        echo "this container may not make namespaces (${answer##*: }); start it with --privileged, or with --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        return
    fi
    # shellcheck disable=SC2016 # expanded by the inner shell
    if ! answer=$(unshare --mount --pid --net --fork sh -c 'd=$(mktemp -d) && mount --make-rprivate / &&
            mount -t tmpfs tmpfs "$d" && mkdir "$d/up" "$d/work" "$d/root" "$d/proc" &&
            mount -t overlay overlay -o "lowerdir=/,upperdir=$d/up,workdir=$d/work" "$d/root" &&
            mount -t proc proc "$d/proc"; s=$?; umount -l "$d" 2>/dev/null; rmdir "$d"; exit $s' 2>&1); then
        echo "this container may not mount an overlay of / (${answer##*: }); start it with --privileged, or with --cap-add SYS_ADMIN --security-opt apparmor=unconfined and a root that is at most one overlay deep"
    fi
}

# Mounts the new root under DIR/root. Runs in the new namespaces, before chroot.
world_mount() {
    local dir=$1 top=$2
    mount --make-rprivate / && busybox ip link set lo up || return
    mkdir -p "$dir/space" "$dir/root" "$dir/log" || return
    mount -t tmpfs -o mode=755 tmpfs "$dir/space" && mkdir "$dir/space/up" "$dir/space/work" || return
    mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/space/up,workdir=$dir/space/work" "$dir/root" || return
    mount -t proc proc "$dir/root/proc" && mount --rbind /dev "$dir/root/dev" || return
    mount --rbind /sys "$dir/root/sys" 2>/dev/null
    mount -t tmpfs -o mode=755 tmpfs "$dir/root/run" && mount -t tmpfs -o mode=1777 tmpfs "$dir/root/tmp" || return
    # What lies on other file systems than /, or below /tmp, is not in the overlay.
    local shared
    for shared in "$dir" "$top" "${MTLS_BUILT:-}" "${MTLS_MODULES:-}"; do
        [ -z "$shared" ] || [ ! -d "$shared" ] || { mkdir -p "$dir/root$shared" && mount --bind "$shared" "$dir/root$shared"; } || return
    done
}

world_enter() {
    local dir=$1 script=$2
    shift 2
    # ASAN_OPTIONS: LeakSanitizer cannot work in the empty root of a process; the unit tests look for leaks.
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec unshare --mount --pid --net --fork --kill-child=KILL bash -c '
        . "$1/etc/quickstart.d/world.sh" && world_mount "$2" "$1" || {
            echo "quickstart: the private root directory cannot be mounted" >&2; exit 1; }
        dir=$2 script=$3; shift 3
        read -r pid _ </proc/self/stat && world_door "$dir" "$pid" # /proc is still the one of outside
        cd / && exec chroot "$dir/root" /usr/bin/env --default-signal=INT,QUIT -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 ASAN_OPTIONS=detect_leaks=0 MTLS_BUILT="${MTLS_BUILT:-}" MTLS_MODULES="${MTLS_MODULES:-}" QUIET="${QUIET:-}" KEEP="${KEEP:-}" \
            /bin/bash "$script" --inside "$dir" "$@"' \
        world "$TOP" "$dir" "$script" "$@"
}

# Writes DIR/enter: a shell in the world for a second terminal. PID is its first process, as seen from outside.
world_door() {
    local dir=$1 pid=$2
    cat >"$dir/enter" <<EOF
#!/bin/sh
# A shell, or the command given, inside of the private world of the quickstart.
[ \$# -gt 0 ] || set -- /bin/bash -l
exec nsenter --target $pid --mount --pid --net --root --wdns=/root /usr/bin/env HOME=/root LC_ALL=C.UTF-8 \\
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "\$@"
EOF
    chmod 700 "$dir/enter"
}
