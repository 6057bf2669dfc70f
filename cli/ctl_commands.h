#pragma once
/*
 * The commands of gatewayctl: each is defined in the ctl_*.c of its first word and listed in
 * gatewayctl.c.
 */
#include "cli/ctl.h"

ctl_run ctl_status, ctl_reload, ctl_drain, ctl_upgrade, ctl_lock_add, ctl_lock_list, ctl_lock_remove;
ctl_run ctl_sessions_list, ctl_sessions_show, ctl_sessions_kill, ctl_sessions_end;
ctl_run ctl_check, ctl_verify, ctl_identity_show, ctl_identity_map, ctl_policy_check;
ctl_run ctl_audit_verify, ctl_audit_tail, ctl_audit_show, ctl_explain;
ctl_run ctl_ca_init, ctl_ca_issue, ctl_ca_revoke, ctl_ca_crl, ctl_ca_list;
