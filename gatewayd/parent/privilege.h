#pragma once
/*
 * What the parent may do as root, and as whom the others run.
 */
#include "gatewayd/shared/config.h"
#include "gatewayd/shared/process.h"

#include <sys/types.h>

/* Every service user is there, is no second name of another one, and is not root. */
bool privilege_check_users(const struct config *config, struct error *err) MUST_CHECK;
/* uid and gid of a role's service user; our own when not started as root. */
bool privilege_user(const struct config *config, enum process_role role, uid_t *ret_uid,
                    gid_t *ret_gid, struct error *err) MUST_CHECK;
/* Keeps of root's capabilities what the parent uses. What it starts as root gets them all again. */
bool privilege_drop(struct error *err) MUST_CHECK;
