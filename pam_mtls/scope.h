#pragma once
/*
 * Whether an account is the host's own. Reads /etc/passwd itself: NSS would also ask the directory.
 */
#include "common/error.h"

/* path: /etc/passwd, another file in tests. */
bool scope_is_local(const char *path, const char *user, bool *ret_local,
                    struct error *err) MUST_CHECK;
