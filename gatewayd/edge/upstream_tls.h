#pragma once
/*
 * TLS to upstreams, one context per upstream_tls section: whose certificates they may have, and our
 * own certificate where they ask for one. decide has connected the socket; what is proved here is
 * that the right one answers.
 */
#include "common/error.h"
#include "gatewayd/shared/config.h"

#include <openssl/ssl.h>

struct connection;
struct edge;
struct upstream_set;

struct upstream_set *upstream_set_new(void);
struct upstream_set *upstream_set_free(struct upstream_set *set); /* accepts NULL, returns NULL */
/* Our certificate chain for a service's upstream, in PEM, our own first. */
bool upstream_set_add(struct upstream_set *set, const char *title, struct bytes pem,
                      struct error *err) MUST_CHECK;
/*
 * Completes the set for the configuration in force: contexts of sections without a certificate, and
 * keys for the others. Fails when a certificate is missing.
 */
bool upstream_set_bind(struct edge *edge, struct upstream_set *set, struct error *err) MUST_CHECK;

/* The section of the connection's service; NULL: its upstream speaks no TLS. */
const struct config_upstream_tls *upstream_tls_of(const struct connection *c);
/*
 * A client session over the connection's upstream socket. The name that the certificate must bear
 * is the section's, or else the host or address that the service's upstream names.
 */
SSL *upstream_tls_session(struct connection *c, const struct config_upstream_tls *tls);
