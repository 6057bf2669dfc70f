#pragma once
/*
 * Connections that move no octet for longer than their service allows (idle_timeout). A wheel of
 * seconds for all of them: what moves octets only notes the time, and one that is looked at too
 * early is put back. Knows nothing of TLS.
 */
#include "gatewayd/edge/edge.h"

/* The connection begins to relay, or its service has another limit now. */
void idle_watch(struct connection *c);
/* After each turn: notes the time when octets have moved since the last one. */
void idle_turn(struct connection *c);
/* It ends, or has no limit any more; harmless when it is not watched. */
void idle_forget(struct connection *c);
struct idle *idle_new(struct edge *edge);
