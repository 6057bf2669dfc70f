#pragma once
/*
 * How many may stand at the door: handshakes in flight per source and all together, connections per
 * listener. The limits of the configuration are shared out over the edges. When the door is full,
 * a source that holds few gets in at the cost of the one that holds the most; when a source has all
 * that it may have, one of its own makes room, by chance: none of its clients can keep out
 * another for long, near or far.
 */
#include "common/address.h"
#include "common/reason.h"

struct connection;
struct edge;
struct gate;
struct gate_place; /* of one connection */

enum {
    GATE_HANDSHAKES_MAX = 65536, /* most that max_handshakes may allow */
    GATE_SILENT_US = 1000000,   /* a client that has said nothing for so long is in no hurry */
    GATE_SITE_FACTOR = 8,        /* an IPv6 /48 may hold so many times what a /64 may */
};

struct gate *gate_new(void);
struct gate *gate_free(struct gate *gate);  /* accepts NULL; nobody may be inside */
size_t gate_count(const struct gate *gate); /* handshakes in flight */
/*
 * OK, or why no further connection from there may begin. *ret_victim: the connection that must end
 * first to make room, or NULL; only with OK.
 */
enum reason gate_check(const struct edge *edge, uint32_t listener, const struct address *source,
                       struct connection **ret_victim);
/* The connection is counted as a handshake in flight until gate_leave. */
void gate_enter(struct connection *c);
/* Its ClientHello has come: silent ones make room first. May be called again. */
void gate_heard(struct connection *c);
void gate_leave(struct connection *c); /* may be called again */
/* The /32 of an IPv4 address, the /64 of an IPv6 one. */
struct address gate_prefix(const struct address *source);
