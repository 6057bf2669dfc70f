#pragma once
/*
 * Whether a client's certificate is revoked, as its CA says by OCSP: asked of `fetch` after the
 * handshake, remembered with the chain. A chain whose ca section has ocsp = "off" has no status.
 */
#include "gatewayd/edge/edge.h"

/*
 * Puts what OCSP says of the connection's chain into told, which holds the facts of the chain: when
 * they end, or a reason and *ret_detail (the chain's own, until its next answer) why they deny.
 */
void standing_apply(const struct connection *c, struct told *told, const char **ret_detail);
/*
 * Of a live connection whose answer has ended: asks again. True: an answer will come, and
 * live_chain is called with it.
 */
bool standing_renew(struct connection *c);
/* STATUS */
void standing_answer(struct edge *edge, const struct message_status *msg);
/* The stage took too long: the connection goes on, denied or not. */
void standing_late(struct connection *c);
/* The process fetch is gone: nobody answers. */
void standing_fetch_lost(struct edge *edge);
/* Another authority vouches for the chain: what the one before has said counts no more. */
void standing_forget(struct chain *chain);
void standing_free(struct chain *chain); /* what of it belongs to the chain */
