#pragma once
/*
 * One LDAP connection, made and authenticated. Internal to the directory target.
 */
#include "ldap/directory.h"

#include <ldap.h>

/*
 * Connects to one server, starts TLS where the configuration asks for it, binds; all within
 * DIRECTORY_TRY_MS. The socket does not block afterwards. The caller closes with connection_close.
 */
bool connection_open(const struct directory_config *config, const struct directory_calls *calls,
                     const char *uri, LDAP **ret_ld, struct error *err) MUST_CHECK;
void connection_close(LDAP *ld); /* accepts NULL */
int connection_fd(LDAP *ld);
/* Whether the configuration may be used with that uri at all. */
bool connection_check(const struct directory_config *config, const char *uri,
                      struct error *err) MUST_CHECK;
