/*
 * Contexts, callbacks and sessions of TLS to upstreams. Runs in an edge. An upstream is proved by
 * chain, revocation and name as a client is, by the same code; nothing of a session is kept.
 */
#include "gatewayd/edge/upstream_tls.h"

#include "common/address.h"
#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/handshake.h"
#include "gatewayd/edge/tls.h"
#include "gatewayd/edge/tls_verify.h"
#include "gatewayd/edge/upstream_io.h"
#include "gatewayd/shared/config_value.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
    PRESENTED_MAX = 64 * 1024, /* octets of an upstream's Certificate message */
    MESSAGES_FREE = 32,     /* KeyUpdates and tickets that an upstream may send, and one more ... */
    MESSAGE_OCTETS = 65536, /* ... for so many octets that it has sent */
    NAME_ROOM = 96,         /* octets of a subject in a detail */
};

/* Of TLS 1.2: forward secrecy and AEAD. Of 1.3 all are. */
static const char ciphers_tls12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char groups[] = "X25519:P-256:P-384";

struct section {
    char *title; /* of the service */
    SSL_CTX *ctx;
};

struct upstream_set {
    struct section *sections;
    size_t n;
};

/* --- the set ---------------------------------------------------------------------------------- */

struct upstream_set *upstream_set_new(void)
{
    return xcalloc(1, sizeof(struct upstream_set));
}

struct upstream_set *upstream_set_free(struct upstream_set *set)
{
    for (size_t i = 0; set && i < set->n; i++) {
        free(set->sections[i].title);
        SSL_CTX_free(set->sections[i].ctx);
    }
    if (set)
        free(set->sections);
    free(set);
    return NULL;
}

static SSL_CTX *find(const struct upstream_set *set, const char *title)
{
    for (size_t i = 0; set && i < set->n; i++)
        if (strcmp(set->sections[i].title, title) == 0)
            return set->sections[i].ctx;
    return NULL;
}

/* --- callbacks -------------------------------------------------------------------------------- */

static bool bears(X509 *leaf, const char *name)
{
    struct address address;

    if (address_parse(bytes_of(name), &address, NULL))
        return X509_check_ip_asc(leaf, name, 0) == 1;
    return X509_check_host(leaf, name, 0,
                           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                           NULL) == 1;
}

static int refuse(struct connection *c, X509_STORE_CTX *ctx, const struct verify_result *result)
{
    char detail[ERROR_DETAIL_MAX];

    (void)snprintf(detail, sizeof(detail), "%s: %.*s", reason_name(result->reason),
                   (int)sizeof(detail) - 40, result->detail);
    handshake_deny(c, REASON_UPSTREAM_TLS_FAILED, detail, (struct bytes){NULL, 0});
    X509_STORE_CTX_set_error(ctx, tls_verify_code(result->alert));
    return 0;
}

static int refuse_name(struct connection *c, X509_STORE_CTX *ctx, X509 *leaf)
{
    char subject[NAME_ROOM], detail[ERROR_DETAIL_MAX];

    x509_name_text(X509_get_subject_name(leaf), subject, sizeof(subject));
    (void)snprintf(detail, sizeof(detail), "certificate 0 (%s): it is not for %s", subject,
                   c->upstream_name);
    handshake_deny(c, REASON_UPSTREAM_TLS_FAILED, detail, (struct bytes){NULL, 0});
    X509_STORE_CTX_set_error(ctx, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

/* libssl's question whether the upstream's chain is good. */
static int on_verify(X509_STORE_CTX *ctx, void *context)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct connection *c = SSL_get_app_data(ssl);
    const struct config_upstream_tls *tls = upstream_tls_of(c);
    const struct config_list cas = {.at = tls ? &tls->ca : NULL, .n = tls ? 1 : 0};
    const struct chain_accepts accepts = {.cas = &cas, .server = true};
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    struct verify_result result;
    struct chain *chain;

    (void)context;
    if (!chain_judge(c->edge, &accepts, leaf, X509_STORE_CTX_get0_untrusted(ctx), &chain, &result))
        return refuse(c, ctx, &result);
    chain_drop(c->edge, chain);
    if (!bears(leaf, c->upstream_name))
        return refuse_name(c, ctx, leaf);
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

/* Counts what an upstream sends of the handshake when it is over; see on_message in tls.c. */
static void on_message(int sent, int version, int type, const void *octets, size_t len, SSL *ssl,
                       void *context)
{
    struct connection *c = SSL_get_app_data(ssl);

    (void)version;
    (void)octets;
    (void)len;
    (void)context;
    if (sent || !c || type != SSL3_RT_HANDSHAKE || c->phase != PHASE_RELAY)
        return;
    c->upstream_messages++;
    if (c->upstream_messages > MESSAGES_FREE + c->bytes_out / MESSAGE_OCTETS)
        c->upstream_floods = true;
}

/* --- making contexts -------------------------------------------------------------------------- */

static bool set_rules(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_max_cert_list(ctx, PRESENTED_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
    SSL_CTX_set_msg_callback(ctx, on_message);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, ciphers_tls12) == 1 &&
           SSL_CTX_set1_groups_list(ctx, groups) == 1;
}

static SSL_CTX *add(struct upstream_set *set, const char *title, struct error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx)
        abort();
    if (!set_rules(ctx)) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        (void)err_set(err, REASON_CRYPTO, "the rules of a TLS context");
        return NULL;
    }
    set->sections = xrealloc(set->sections, set->n + 1, sizeof(*set->sections));
    set->sections[set->n++] = (struct section){.title = xstrdup(title), .ctx = ctx};
    return ctx;
}

bool upstream_set_add(struct upstream_set *set, const char *title, struct bytes pem,
                      struct error *err)
{
    SSL_CTX *ctx = add(set, title, err);

    return ctx && (tls_add_certificates(ctx, pem, err) || err_in(err, "upstream_tls %s", title));
}

/*
 * What a client signs in TLS 1.2 is its whole handshake, in which key could not tell one use from
 * another: so our certificate is for 1.3 only.
 */
static bool bind_one(struct edge *edge, struct upstream_set *set, uint32_t index, struct error *err)
{
    const struct config_upstream_tls *tls = &edge->role->config->upstream_tls[index];
    SSL_CTX *ctx = find(set, tls->title);

    if (!tls->certificate)
        return ctx || add(set, tls->title, err);
    if (!ctx)
        return err_set(err, REASON_CONFIG_MISSING, "it came without its certificate");
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1)
        return err_set(err, REASON_CRYPTO, "TLS 1.3");
    return tls_add_key(edge, ctx, KEY_ROLE_CLIENT, index, err);
}

bool upstream_set_bind(struct edge *edge, struct upstream_set *set, struct error *err)
{
    const struct config *config = edge->role->config;

    for (uint32_t i = 0; i < config->n_upstream_tls; i++)
        if (!bind_one(edge, set, i, err))
            return err_in(err, "upstream_tls %s", config->upstream_tls[i].title);
    return true;
}

/* --- sessions --------------------------------------------------------------------------------- */

const struct config_upstream_tls *upstream_tls_of(const struct connection *c)
{
    const struct config *config = c->edge->role->config;

    if (config->n_upstream_tls == 0 || c->route.service >= config->n_service)
        return NULL;
    return config_find_upstream_tls(config, config->service[c->route.service].title);
}

static char *peer_address(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct address address = {.known = false};
    char text[ADDRESS_TEXT_MAX] = "";

    if (getpeername(fd, (struct sockaddr *)&sa, &len) == 0)
        address = address_from_sockaddr((struct sockaddr *)&sa, len);
    if (address.known)
        address_format(&address, text);
    return xstrdup(text);
}

/* config_check: without a name all upstreams have one host name, or all are addresses. */
static char *name_of(const struct connection *c, const struct config_upstream_tls *tls)
{
    const struct config_list *list = &c->edge->role->config->service[c->route.service].upstream;
    struct config_upstream upstream;

    if (tls->name)
        return xstrdup(tls->name);
    if (list->n > 0 && config_upstream_parse(list->at[0], &upstream, NULL) &&
        upstream.kind == CONFIG_UPSTREAM_NAME)
        return xtext(upstream.name);
    return peer_address(c->upstream);
}

SSL *upstream_tls_session(struct connection *c, const struct config_upstream_tls *tls)
{
    SSL_CTX *ctx = find(c->edge->upstreams, tls->title);
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    BIO *bio = upstream_bio(c);
    struct address address;

    if (!ssl)
        abort(); /* the set is complete: upstream_set_bind */
    c->upstream_name = name_of(c, tls);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, c);
    if (!address_parse(bytes_of(c->upstream_name), &address, NULL))
        (void)SSL_set_tlsext_host_name(ssl, c->upstream_name);
    SSL_set_connect_state(ssl);
    return ssl;
}
