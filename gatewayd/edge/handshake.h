#pragma once
/*
 * The first stage, and what is said of a client that does not get through it.
 */
#include "common/reason.h"

struct connection;

/* A callback of TLS refuses the client: the first reason given is the one that counts. */
void handshake_deny(struct connection *c, enum reason reason, const char *detail,
                    struct bytes leaf);
/* A stage took too long: refused before the verdict, or denied with a sentence. */
void handshake_or_verdict_late(struct connection *c, enum reason reason);
