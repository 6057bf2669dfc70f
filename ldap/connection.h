#pragma once
/*
 * One LDAP connection, made and authenticated. Internal to the directory target.
 */
#include "ldap/directory.h"

#include <ldap.h>

enum {
    CONNECTION_NAME_MAX = 253,                          /* octets of a host name */
    CONNECTION_MESSAGE_MAX = REPLICA_ENTRY_MAX + 65536, /* octets of one message of a server */
};

struct connection {
    LDAP *ld;
    int64_t latency_us; /* of reading the base */
};

/*
 * Connects to one server, starts TLS where the configuration asks for it, binds, reads the base;
 * connecting and the rest each within DIRECTORY_TRY_MS. The socket does not block afterwards. The
 * caller closes ret_connection->ld with connection_close.
 */
bool connection_open(const struct directory_config *config, const struct directory_calls *calls,
                     const char *uri, struct connection *ret_connection,
                     struct error *err) MUST_CHECK;
void connection_close(LDAP *ld); /* accepts NULL */
int connection_fd(LDAP *ld);
/* Whether the configuration may be used with that uri at all. */
bool connection_check(const struct directory_config *config, const char *uri,
                      struct error *err) MUST_CHECK;
