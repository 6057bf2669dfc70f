#pragma once
/*
 * As whom the processes run: a user of its own for each, named by the option `user` and a suffix.
 */
#include "gatewayd/shared/config.h"
#include "gatewayd/shared/process.h"

#include <sys/types.h>

/* Every service user is there, is not root, and is no second name of another one. True when we are
 * not root: then everything runs as we do. */
bool service_users_check(const struct config *config, struct error *err) MUST_CHECK;
/* uid and gid of a role's service user; our own when not started as root. */
bool service_user(const struct config *config, enum process_role role, uid_t *ret_uid,
                  gid_t *ret_gid, struct error *err) MUST_CHECK;
