#pragma once
/*
 * What may stand in front of TLS: the header of a trusted proxy, and PostgreSQL's request for TLS.
 * Not one octet of TLS itself is taken here.
 */
#include "gatewayd/edge/edge.h"

/* A connection that begins with a header of its proxy; its limits wait for that. */
bool prelude_is_proxied(const struct edge *edge, uint32_t listener, const struct address *peer);
void prelude_free(struct prelude *prelude); /* accepts NULL */
