#pragma once
/*
 * How many may stand at the door: handshakes in flight per source prefix and all together,
 * connections per listener. The limits of the configuration are shared out over the edges.
 */
#include "common/address.h"
#include "common/reason.h"

struct connection;
struct edge;
struct prefix;

enum {
    GATE_HANDSHAKES_MAX = 4096, /* in flight over all edges; each holds up to 72 KiB */
};

/* OK, or why no further connection from there may begin. */
enum reason gate_check(const struct edge *edge, uint32_t listener, const struct address *source);
/* The connection is counted as a handshake in flight until gate_leave. */
void gate_enter(struct connection *c);
void gate_leave(struct connection *c); /* may be called again */
/* The /32 of an IPv4 address, the /64 of an IPv6 one. */
struct address gate_prefix(const struct address *source);
