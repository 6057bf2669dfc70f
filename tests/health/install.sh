#!/usr/bin/env bash
# What `cmake --install` brings, and that the units, the example configuration and the service users fit it.
#   install.sh BUILD_DIR    configured for the prefix /usr, as the presets are
set -u
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 2
DIR=$(mktemp -d) || exit 2
trap 'rm -rf "$DIR"' EXIT
FAILED=0
complain() {
    FAILED=1
    echo "install.sh: $*" >&2
}
DESTDIR=$DIR cmake --install "$1" --prefix /usr >"$DIR/log" || { cat "$DIR/log" >&2; exit 1; }
LIB=usr/lib/$(gcc -print-multiarch)
LC_ALL=C sort >"$DIR/expected" <<END
$LIB/libnss_mtls.so.2
$LIB/security/pam_mtls.so
usr/bin/mtls
usr/lib/gatewayd/sshd-gw
usr/lib/systemd/system/gatewayd.service
usr/lib/systemd/system/sshd-gw.socket
usr/lib/systemd/system/sshd-gw@.service
usr/lib/sysusers.d/gatewayd.conf
usr/sbin/gatewayctl
usr/sbin/gatewayd
usr/share/doc/gatewayd/docs/architecture.md
usr/share/doc/gatewayd/docs/audit.md
usr/share/doc/gatewayd/docs/data-plane.md
usr/share/doc/gatewayd/docs/data-plane.svg
usr/share/doc/gatewayd/docs/flow.svg
usr/share/doc/gatewayd/docs/mapping-guide.md
usr/share/doc/gatewayd/docs/policy-guide.md
usr/share/doc/gatewayd/docs/processes.svg
usr/share/doc/gatewayd/docs/protocol.md
usr/share/doc/gatewayd/docs/reasons.md
usr/share/doc/gatewayd/docs/threat-model.md
usr/share/doc/gatewayd/examples/gatewayd.conf
usr/share/doc/gatewayd/examples/pam.d/sshd-gw
usr/share/doc/gatewayd/examples/policy.d/10-example.conf
usr/share/doc/gatewayd/examples/sshd_config
usr/share/doc/gatewayd/examples/sshd_config.d/gatewayd-9.8.conf
usr/share/man/man1/mtls.1
usr/share/man/man5/gatewayd.conf.5
usr/share/man/man8/gatewayctl.8
usr/share/man/man8/gatewayd.8
usr/share/man/man8/nss_mtls.8
usr/share/man/man8/pam_mtls.8
END
(cd "$DIR" && find usr ! -type d | LC_ALL=C sort) >"$DIR/found"
diff "$DIR/expected" "$DIR/found" || complain "other files than expected"
[ "$(readlink "$DIR/usr/lib/gatewayd/sshd-gw")" = /usr/sbin/sshd ] || complain "sshd-gw is no link to sshd"
# Programs that the units and the example start.
grep -ohE '/usr/(sbin|bin|lib)/[a-z/-]+' etc/systemd/*.service etc/gatewayd.conf | sort -u | while read -r path; do
    [ -e "$DIR$path" ] || [ -L "$DIR$path" ] || [ "$path" = /usr/sbin/sshd ] || echo "$path"
done >"$DIR/missing"
[ ! -s "$DIR/missing" ] || complain "named but not installed: $(cat "$DIR/missing")"
# One user per row of the processes.
sed -n 's/^u gatewayd-\([a-z]*\) .*/\1/p' etc/systemd/sysusers.conf | sort >"$DIR/users"
sed -n 's/.*\.user_suffix = "-\([a-z]*\)".*/\1/p' gatewayd/shared/process.c | sort >"$DIR/suffixes"
diff "$DIR/users" "$DIR/suffixes" || complain "sysusers.conf names other users than process.c"
if command -v systemd-sysusers >/dev/null; then
    mkdir "$DIR/etc"
    systemd-sysusers --root="$DIR" >"$DIR/log" 2>&1
    [ "$(grep -c '^gatewayd-' "$DIR/etc/passwd")" -eq "$(wc -l <"$DIR/users")" ] || complain "systemd-sysusers: $(cat "$DIR/log")"
fi
[ $FAILED -eq 0 ] && echo "install: ok"
exit $FAILED
