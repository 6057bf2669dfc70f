#pragma once
/*
 * Channels that went down and were not replaced. A process that has ended is replaced by the
 * parent, and a new channel comes; when none comes within a moment, the process at the other end
 * may live on with nobody to talk to, and the parent is told. Knows no role.
 */
#include "gatewayd/shared/role.h"

struct lost_peer; /* a list of them; NULL: none */

enum { LOST_PEER_MS = 1000 }; /* a process that ended is usually back within 100 ms */

void lost_peer_add(struct role *role, struct lost_peer **list, enum process_role peer,
                   uint32_t slot, const struct error *why);
/* A new channel to it has come. */
void lost_peer_forget(struct lost_peer **list, enum process_role peer, uint32_t slot);
