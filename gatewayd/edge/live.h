#pragma once
/*
 * Live chains under new trust data, and live sessions for a new decide: walks over all connections
 * in slices, so that no turn of the loop gets long.
 */
#include "gatewayd/shared/messages.h"

struct connection;
struct edge;
struct chain;

enum {
    LIVE_SLICE = 100,     /* connections per turn of the loop ... */
    LIVE_SLICE_US = 4000, /* ... or so many microseconds: no turn above 5 ms */
};

void live_init(struct edge *edge);
/* A connection goes away: the walks must not stand on it. */
void live_forget(struct edge *edge, struct connection *c);

/* TRUST; takes fd. Replaces the trust data and judges all chains again. */
void live_trust(struct edge *edge, const struct message_trust *msg, int fd);
/* Judges all live chains again; CHAINS for those whose facts have changed, then CHAINS_DONE. */
void live_judge_all(struct edge *edge);
/* OCSP has said something new of a chain: judges its live connections again. */
void live_chain(struct edge *edge, const struct chain *chain);
/* VERIFY: decide asks for a chain to be judged under trust data that this edge may not have yet. */
void live_verify(struct edge *edge, const struct message_verify *msg);
/* END: decide ends a session. */
void live_end(struct edge *edge, const struct message_end *msg);
/* A new decide: tells it all live sessions, then lets new connections ask. */
void live_resume(struct edge *edge);
