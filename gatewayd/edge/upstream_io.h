#pragma once
/*
 * Octets between the relay and an upstream: over its socket as it is, or over TLS where the service
 * says so. Both answer like send() and recv() of a socket that never waits. Knows nothing of the
 * client's side.
 */
#include "common/bytes.h"

#include <openssl/bio.h>
#include <stdbool.h>
#include <sys/types.h>

struct connection;

/* What the upstream takes now; -1 with errno: EAGAIN, EPIPE when it takes nothing more, others. */
ssize_t upstream_send(struct connection *c, struct bytes octets);
/*
 * What it has said, 0 at its end, -1 with errno. Over TLS room must hold a record, and an end
 * without close_notify is an error: somebody may have cut it.
 */
ssize_t upstream_recv(struct connection *c, uint8_t *out, size_t room);
/* Says that nothing more comes from us; false: it does not take even that now, ask again. */
bool upstream_finish(struct connection *c);
/* A BIO over the connection's upstream socket, of this method. */
BIO *upstream_bio(struct connection *c);
BIO_METHOD *upstream_bio_method(void); /* the caller frees it */
