#pragma once
/*
 * RENEW: a live session of an HTTP service whose upstream connection is used up gets another one,
 * of the same service. Nothing of what was judged changes, and no record is written.
 */
#include "gatewayd/decide/session.h"
#include "gatewayd/shared/messages.h"

enum { RENEW_MS = 3000 /* for the connection, as the stage `connect` has it */ };

struct renewal;

/*
 * The edge asks. A session that is not its own, not live, not of HTTP, or whose leaf is another one
 * gets none. The connection that it had is ended before.
 */
void renew_ask(struct decide *decide, uint32_t edge_slot, const struct message_renew *msg);
struct renewal *renewal_free(struct renewal *renewal); /* accepts NULL, returns NULL */
