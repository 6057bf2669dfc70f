#pragma once
/*
 * RETIRE: this decide ends in order, and another one takes its place. Edges hold back what is new;
 * sessions, their upstreams and the registry stay as they are.
 */
#include "gatewayd/decide/decide.h"

struct handoff;

struct handoff *handoff_new(struct decide *decide);
struct handoff *handoff_free(struct handoff *handoff); /* accepts NULL, returns NULL */
void handoff_begin(struct decide *decide, const struct message_retire *msg);
void handoff_held(struct decide *decide, uint32_t edge_slot, const struct message_held *msg);
