#!/usr/bin/env bash
# A directory may be written by others than the host's administrator. Entries with the name, the uid or the gid of a
# local account are refused, groups of that kind give nobody a right on the host, and a shell that refuses refuses
# sftp too.
. "$(dirname "$0")/lib.sh"
promise "nobody becomes a local account or a local group through the directory"
house_up
LOCAL_UID=$(id -u laptop) LOCAL_GID=$(id -g laptop)

# entry USER UID GID [SHELL]: a person in ops, who may log in, with a certificate of that name
entry() {
    ldap_change <<EOT
dn: uid=$1,ou=people,$HOUSE_BASE
changetype: add
objectClass: inetOrgPerson
objectClass: posixAccount
objectClass: shadowAccount
uid: $1
cn: $1
sn: $1
mail: $1@example.test
uidNumber: $2
gidNumber: $3
homeDirectory: /
loginShell: ${4:-/bin/bash}
EOT
    group_member add ops "$1" && person "$1"
}
# group NAME GID: with alice in it
group() {
    ldap_change <<EOT
dn: cn=$1,ou=groups,$HOUSE_BASE
changetype: add
objectClass: groupOfNames
objectClass: posixGroup
cn: $1
gidNumber: $2
member: uid=alice,ou=people,$HOUSE_BASE
EOT
}
log_in() { run timeout 20 "${LAPTOP[@]}" ssh -o BatchMode=yes -o "ProxyCommand=mtls connect --cert $CERTS/$1.pem --key $CERTS/$1.key --host %h --port %p" "$1@ssh.example.test" id; }

printf '%%sudo ALL=(root) NOPASSWD: ALL\n%%wheel ALL=(root) NOPASSWD: ALL\n' >/etc/sudoers.d/local && chmod 440 /etc/sudoers.d/local
{
    entry laptop 25001 20100
    entry gatewayd-audit 25002 20100
    entry root 25003 20100
    entry twin "$LOCAL_UID" 20100
    entry mate 25004 "$LOCAL_GID"
    entry newcomer 25005 20100
    entry noshell 25006 20100 /usr/sbin/nologin
    group sudo 25010
    group Wheel 25011
    group mine "$LOCAL_GID"
} >/dev/null 2>&1
come() { getent passwd newcomer && getent passwd noshell; }
check "the directory's new entries have come" within 10000 come

# Names and ids of accounts.
for user in laptop gatewayd-audit root twin mate; do
    log_in "$user"
    refute "$user is not logged in" 'uid='
done
run getent passwd laptop gatewayd-audit
refute "the host's accounts are what they were" ':2500'
run getent passwd twin mate
refute "who shadows one is not shown to the host" .
OUT=$(cat "$HOUSE_AUDIT"/*.jsonl)
expect "the record says why: the name" 'laptop is an account of this host.*account_invalid'
expect "the uid" "uid $LOCAL_UID is an account of this host.*account_invalid"
expect "the gid" "gid $LOCAL_GID is a group of this host.*account_invalid"

# Groups.
run laptop ssh -o BatchMode=yes alice@ssh.example.test 'id; sudo -n /usr/bin/whoami'
expect "alice logs in as ever" '^uid=20001\(alice\).*20102\(admins\)'
refute "but is in no group of the host" "^uid=.*(sudo|[Ww]heel|laptop|25010|25011|[=,]$LOCAL_GID\\()"
refute "and not root by it" '^root$'
run getent group 25010 25011 Wheel mine
refute "such groups are not shown to the host" .
run getent group sudo
expect "sudo is the host's" '^sudo:x:27:$'
expect_rc "and found" 0
run grep event=groups_of_host "$DIR/log/gatewayd.log"
expect "the log says so" 'not_shown=3'

# Whoever comes to the host later has the name from then on.
log_in newcomer
expect "a name that the host does not have" '^uid=25005\(newcomer\)'
"${LAPTOP[@]}" ssh -o BatchMode=yes -o "ProxyCommand=mtls connect --cert $CERTS/newcomer.pem --key $CERTS/newcomer.key --host %h --port %p" \
    newcomer@ssh.example.test 'echo up; sleep 300' >/tmp/newcomer 2>&1 </dev/null &
SESSION=$!
within 10000 grep -q up /tmp/newcomer || bad "the session did not begin"
useradd --no-create-home newcomer-local && sed -i 's/^newcomer-local:/newcomer:/' /etc/passwd
gone() { ! kill -0 "$SESSION"; }
check "whose name became one of the host is out" within 3000 gone 2>/dev/null
log_in newcomer
refute "and stays out" 'uid='

# A stale or false daemon would be met by the module: the uid must be the account's (unit.pam_mtls).
printf 'ls /\nput /etc/hostname /tmp/by-noshell\n' >/tmp/batch
run timeout 20 "${LAPTOP[@]}" sftp -b /tmp/batch -o "ProxyCommand=mtls connect --cert $CERTS/noshell.pem --key $CERTS/noshell.key --host %h --port %p" noshell@ssh.example.test
expect "an account without a shell has no sftp" 'message too long|not available|Connection closed'
check "and wrote nothing" test ! -e /tmp/by-noshell
printf 'put /etc/hostname /tmp/by-alice\n' >/tmp/batch
run timeout 20 "${LAPTOP[@]}" sftp -b /tmp/batch alice@ssh.example.test
check "alice has" test -e /tmp/by-alice
done_with_it
