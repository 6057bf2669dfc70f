#pragma once
/*
 * Another upstream connection for a client of HTTP that goes on where nothing more may be sent to
 * the one that it has had: decide is asked for it when the next request begins to come.
 */
#include "gatewayd/edge/connection.h"
#include "gatewayd/shared/messages.h"

/* The upstream connection is over; a name that its socket has is free for the next one. */
void renew_let_go(struct connection *c);
/* From the stage `relay`, when there is something for an upstream: back to the stage `renew`. */
enum stage_result renew_begin(struct connection *c);
/* RENEWED; takes fd. */
void renew_answer(struct edge *edge, const struct message_renewed *msg, int fd);
/* Who has asked asks the next decide again. */
void renew_decide_lost(struct edge *edge);
