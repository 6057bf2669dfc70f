#pragma once
/*
 * What decide hears of clients that were refused before they had an identity: the first of a kind
 * at once, more of the same (listener, source prefix, reason) once a second with their number.
 */
#include "gatewayd/shared/messages.h"

struct connection;
struct edge;

/* Borrows everything for the call. */
struct preauth_event {
    uint32_t listener;
    struct address source;
    const char *sni; /* may be NULL */
    enum reason reason;
    const char *detail;
    struct bytes leaf;
};

struct preauth *preauth_new(struct edge *edge);
void preauth_tell(struct edge *edge, const struct preauth_event *event);
/* The event of a connection; detail may be "". */
void preauth_tell_connection(struct connection *c, enum reason reason, const char *detail,
                             struct bytes leaf);
