#pragma once
/*
 * Asking decide: the OPEN of a connection and the verdict that comes back.
 */
#include "gatewayd/shared/messages.h"

struct connection;
struct edge;

/* The OPEN as it is now, borrowed from the connection. Sets what decide has been told of the chain.
 */
struct message_open ask_open(struct connection *c);
/* VERDICT; takes fd. */
void ask_verdict(struct edge *edge, const struct message_verdict *msg, int fd);
/* decide is gone: connections that wait for a verdict end, those that have none asked yet wait. */
void ask_decide_lost(struct edge *edge);
