#pragma once
/*
 * TLS contexts, one per tls section: server certificates whose keys live in another process, TLS
 * 1.3 (1.2 by option), a client certificate always, resumption by option only. Which
 * section serves a connection is chosen in the ClientHello callback.
 */
#include "common/error.h"
#include "gatewayd/shared/messages.h"

#include <openssl/ssl.h>

struct connection;
struct edge;
struct tls_set;

struct tls_set *tls_set_new(void);
struct tls_set *tls_set_free(struct tls_set *set); /* accepts NULL, returns NULL */
/* Certificate chain of a section in PEM, the server's own first. */
bool tls_set_add(struct tls_set *set, const char *title, struct bytes pem,
                 struct error *err) MUST_CHECK;
/* Gives each context its key and its options, by the index of its section in the configuration in
 * force. */
bool tls_set_bind_keys(struct edge *edge, struct tls_set *set, struct error *err) MUST_CHECK;
/* Whether every section of the configuration in force has its context. */
bool tls_set_complete(const struct edge *edge, const struct tls_set *set,
                      struct error *err) MUST_CHECK;
/* A chain in PEM, the own certificate first, into a context that has none. */
bool tls_add_certificates(SSL_CTX *ctx, struct bytes pem, struct error *err) MUST_CHECK;
/* The key of that context's certificate, which the key process holds; index: of the role's section.
 */
bool tls_add_key(struct edge *edge, SSL_CTX *ctx, enum key_role role, uint32_t index,
                 struct error *err) MUST_CHECK;
/* A server session over the connection's own BIO, with the listener's default section. */
SSL *tls_session(struct connection *c);
/* Writes close_notify if the handshake is done. */
void tls_say_end(struct connection *c);
/* A client that sends KeyUpdate after KeyUpdate, or asks to renegotiate again and again, is cut. */
bool tls_too_many_key_updates(const struct connection *c);
