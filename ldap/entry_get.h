#pragma once
/*
 * One value of one entry, asked for without a bind: a revocation list. Speaks LDAP over a socket
 * that the caller has connected; trusts the server with nothing, since the value is signed. Knows
 * no replica and no daemon.
 */
#include "common/error.h"

#include <stddef.h>

struct entry_get;

enum entry_get_state { ENTRY_GET_WAIT, ENTRY_GET_DONE, ENTRY_GET_FAILED };

/*
 * Sends the question of an ldap URL (RFC 4516) without its host: DN, attribute (left out:
 * certificateRevocationList;binary), scope, filter. max: octets of an answer. Takes fd, which does
 * not block.
 */
bool entry_get_begin(int fd, const char *url, size_t max, struct entry_get **ret_get,
                     struct error *err) MUST_CHECK;
/* Looks what has come; call when the socket is readable. DONE: *ret_value, until entry_get_free. */
enum entry_get_state entry_get_step(struct entry_get *get, struct bytes *ret_value,
                                    struct error *err) MUST_CHECK;
struct entry_get *entry_get_free(struct entry_get *get); /* closes; accepts NULL, returns NULL */
