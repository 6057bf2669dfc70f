#pragma once
/*
 * HTTP on a connection: what stands between the two streams of relay.c for services of `protocol =
 * "http"`. c->http is NULL for all the others.
 */
#include "gatewayd/edge/connection.h"
#include "gatewayd/shared/messages.h"

struct http;

/* What decide has said of the client; owned by the connection. */
struct client_identity {
    char *user, *rule;
    struct bytes groups; /* owned; as in message IDENTITY */
};

/* IDENTITY: replaces what was said before. */
void http_identity(struct edge *edge, const struct message_identity *msg);
/* The client is in: its requests are read from now on. False: decide has not said who it is. */
bool http_begin(struct connection *c) MUST_CHECK;
void http_stop(struct connection *c);  /* it ends: no deadline any more; for any connection */
void http_clear(struct connection *c); /* may be called for any connection */

/*
 * Takes some octets of the client off *in; *ret_out goes to the upstream, and is valid until the
 * next call. What has to wait is kept. False: the exchange is over, call http_end.
 */
bool http_up(struct connection *c, struct bytes *in, struct bytes *ret_out) MUST_CHECK;
/* Keeps octets of the client for later, behind none: at most WIRE_PLAIN_MAX octets. */
void http_keep(struct connection *c, struct bytes octets);
/* Octets that may have to wait for the upstream: what one call of http_up gives at most. */
size_t http_up_max(const struct connection *c);
/* Kept octets of the client whose turn has come: to out (WIRE_PLAIN_MAX octets of room). */
size_t http_take_kept(struct connection *c, uint8_t *out);
bool http_keeps(const struct connection *c);
/* Nothing further is read of the client at the moment. */
bool http_holds(const struct connection *c);
/* The same for octets of the upstream, which are all taken. */
bool http_down(struct connection *c, struct bytes *in, struct bytes *ret_out) MUST_CHECK;
/* The upstream has ended. False: in the middle of a response, call http_end. */
bool http_down_end(struct connection *c) MUST_CHECK;
/* The last response is complete, or the upstream has ended: the client's side ends too. */
bool http_is_over(const struct connection *c);
/* Nothing more may be sent to this upstream; its response is complete. */
bool http_is_spent(const struct connection *c);
/* There is another upstream. */
void http_renewed(struct connection *c);
/* What is kept is a request by HEAD, as far as one can see. */
bool http_keeps_head(const struct connection *c);
/* Octets that were kept go on in the next turn of the loop. */
void http_go_on(struct connection *c);
/* Nothing is on its way: gives back memory that only a request needs. */
void http_rest(struct connection *c);
/* Says what was wrong, where that can still be said, and ends the connection. */
enum stage_result http_end(struct connection *c);
