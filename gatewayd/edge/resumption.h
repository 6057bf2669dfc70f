#pragma once
/*
 * Resumption of TLS 1.3 sessions, where a tls section asks for it: a cache of this edge alone, no
 * tickets that hold anything, no early data. A resumed session is the same proof of the same client
 * to the same service under the same rules, or a full handshake; what it may do is decided anew in
 * either case (docs/threat-model.md).
 */
#include <openssl/ssl.h>
#include <stdbool.h>

struct connection;
struct edge;

enum {
    RESUMPTION_MAX_S = 12 * 3600,        /* after the last proof of the key: a working day */
    RESUMPTION_SESSIONS_MAX = 4096,      /* kept, per edge: about 10 KiB each */
    RESUMPTION_OCTETS_MAX = 8 * 1048576, /* of certificates that their clients presented */
};

struct resumption_cache;
struct resumption_cache *resumption_cache_new(void);
/* Everything that is kept: trust data or the configuration has changed, so nothing would fit. */
void resumption_forget_all(struct edge *edge);

/* Lets sessions of this context be kept and found; which, resumption_begin says. */
void resumption_use(SSL_CTX *ctx);
/*
 * In the ClientHello callback, when section, service and accepted authorities are known: sessions
 * of this handshake are kept for, and taken from, the same of all of these only. tls: title of the
 * section. False: libssl takes it not.
 */
bool resumption_begin(struct connection *c, SSL *ssl, const char *tls);
/* The handshake is over: c->chain is the one of the first proof when it was resumed. */
void resumption_finish(struct connection *c);
/* Frees what the handshake needed; may be called again. */
void resumption_end(struct connection *c);
