/*
 * TLS contexts and their callbacks. Runs in an edge on what strangers send; the certificates come
 * from the parent. The identity of a client never survives its connection unless a section asks for
 * that (resumption.c): no tickets that hold it, no early data.
 */
#include "gatewayd/edge/tls.h"

#include "common/reader.h"
#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/handshake.h"
#include "gatewayd/edge/resumption.h"
#include "gatewayd/edge/tls_verify.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum {
    PRESENTED_MAX = 64 * 1024, /* octets of a client's Certificate message */
    KEY_UPDATES_FREE = 32,     /* KeyUpdates that a client may send, and one more ... */
    KEY_UPDATE_OCTETS = 65536, /* ... for so many octets that it has sent */
};

static const char cipher_suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/* Of TLS 1.2: forward secrecy and AEAD. */
static const char ciphers_tls12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char groups[] = "X25519:P-256:P-384";
/* What a client may sign its proof with; PKCS #1 counts for TLS 1.2 only. */
static const char client_schemes[] =
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:"
    "rsa_pss_rsae_sha512:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA+SHA256:"
    "RSA+SHA384:RSA+SHA512";

/* What key signs with, by type and group of our own key: in TLS 1.2 a curve binds no digest. */
static const struct {
    const char *type, *group, *schemes;
} own_schemes[] = {
    {"EC", "prime256v1", "ECDSA+SHA256"},
    {"EC", "secp384r1", "ECDSA+SHA384"},
    {"RSA", "", "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512"},
    {"ED25519", "", "ed25519"},
};

struct section {
    char *title;
    SSL_CTX *ctx;
};

struct tls_set {
    struct section *sections;
    size_t n;
};

/* --- the set ---------------------------------------------------------------------------------- */

struct tls_set *tls_set_new(void)
{
    return xcalloc(1, sizeof(struct tls_set));
}

struct tls_set *tls_set_free(struct tls_set *set)
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

static SSL_CTX *find(const struct tls_set *set, const char *title)
{
    for (size_t i = 0; set && i < set->n; i++)
        if (strcmp(set->sections[i].title, title) == 0)
            return set->sections[i].ctx;
    return NULL;
}

bool tls_set_complete(const struct edge *edge, const struct tls_set *set, struct error *err)
{
    const struct config *config = edge->role->config;

    for (size_t i = 0; i < config->n_tls; i++)
        if (!find(set, config->tls[i].title))
            return err_set(err, REASON_CONFIG_MISSING, "tls %s came without its certificate",
                           config->tls[i].title);
    return true;
}

/* --- callbacks -------------------------------------------------------------------------------- */

/* The section whose certificate carries the name; the listener's first when none does. */
static SSL_CTX *choose(const struct connection *c, bool *ret_known_name)
{
    const struct config_listener *listener = &c->edge->role->config->listener[c->listener];

    for (size_t i = 0; c->sni && i < listener->tls.n; i++) {
        SSL_CTX *ctx = find(c->edge->tls, listener->tls.at[i]);

        if (!ctx || X509_check_host(SSL_CTX_get0_certificate(ctx), c->sni, 0,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) != 1)
            continue;
        *ret_known_name = true;
        return ctx;
    }
    *ret_known_name = false;
    return find(c->edge->tls, listener->tls.at[0]);
}

static struct bytes extension(SSL *ssl, unsigned type)
{
    struct bytes body = {NULL, 0};

    if (SSL_client_hello_get0_ext(ssl, type, &body.at, &body.len) != 1)
        body = (struct bytes){NULL, 0};
    return body;
}

static int refuse_hello(struct connection *c, enum reason reason, const char *detail, int alert,
                        int *ret_alert)
{
    handshake_deny(c, reason, detail, (struct bytes){NULL, 0});
    *ret_alert = alert;
    return SSL_CLIENT_HELLO_ERROR;
}

/* supported_versions := u8 length, u16 version...; RFC 8446 4.2.1 */
static bool offers_tls13(SSL *ssl)
{
    struct reader r = reader_over(extension(ssl, TLSEXT_TYPE_supported_versions));
    struct reader versions = reader_over(reader_take(&r, reader_u8(&r)));

    while (reader_left(&versions) > 0)
        if (reader_u16(&versions) == TLS1_3_VERSION)
            return true;
    return false;
}

/* Without the extended master secret a session of TLS 1.2 is bound to no certificate (RFC 7627). */
static bool may_be_tls12(SSL *ssl)
{
    const unsigned char *at;
    size_t len;

    return offers_tls13(ssl) ||
           SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_extended_master_secret, &at, &len) == 1;
}

/* The section's certificate and rules; those below are the session's own since SSL_new. */
static bool use_section(SSL *ssl, SSL_CTX *ctx)
{
    (void)SSL_set_SSL_CTX(ssl, ctx);
    return SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(ctx)) == 1;
}

/* The number of tickets says whether the section resumes. In TLS 1.2 nothing is. */
static bool use_resumption(struct connection *c, SSL *ssl, const SSL_CTX *ctx)
{
    bool on = SSL_CTX_get_num_tickets(ctx) > 0 && offers_tls13(ssl);

    return SSL_set_num_tickets(ssl, on) == 1 &&
           (!on || resumption_begin(c, ssl, SSL_CTX_get_app_data(ctx)));
}

/*
 * Runs before anything of the session is decided. While key is away the handshake stands still
 * here: nothing has been computed yet.
 */
static int on_client_hello(SSL *ssl, int *alert, void *context)
{
    struct connection *c = SSL_get_app_data(ssl);
    struct bytes server_name = extension(ssl, TLSEXT_TYPE_server_name);
    bool known_name;
    struct hello hello;
    SSL_CTX *ctx;

    (void)context;
    if (!role_channel(c->edge->role, PROCESS_KEY, 0))
        return SSL_CLIENT_HELLO_RETRY;
    if (!hello_read(server_name, extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation),
                    &hello))
        return refuse_hello(c, REASON_TLS_UNKNOWN_NAME, "a malformed server name or protocol list",
                            SSL_AD_UNRECOGNIZED_NAME, alert);
    free(c->sni);
    c->sni = hello.sni[0] ? xstrdup(hello.sni) : NULL;
    ctx = choose(c, &known_name);
    if (!ctx)
        return refuse_hello(c, REASON_TLS_FAILED, "no certificate", SSL_AD_INTERNAL_ERROR, alert);
    if (!route_select(c->edge->role->config, c->listener, &hello, known_name, &c->route))
        return refuse_hello(c, REASON_TLS_UNKNOWN_NAME, c->sni ? c->sni : "no server name",
                            SSL_AD_UNRECOGNIZED_NAME, alert);
    if (!use_section(ssl, ctx))
        return refuse_hello(c, REASON_TLS_FAILED, "no version", SSL_AD_INTERNAL_ERROR, alert);
    if (!may_be_tls12(ssl))
        return refuse_hello(c, REASON_TLS_FAILED, "TLS 1.2 without the extended master secret",
                            SSL_AD_HANDSHAKE_FAILURE, alert);
    if (!use_resumption(c, ssl, ctx))
        return refuse_hello(c, REASON_TLS_FAILED, "resumption", SSL_AD_INTERNAL_ERROR, alert);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* Called only when the client has offered protocols. */
static int on_alpn(SSL *ssl, const unsigned char **ret_out, unsigned char *ret_len,
                   const unsigned char *in, unsigned in_len, void *context)
{
    struct connection *c = SSL_get_app_data(ssl);
    const struct config *config = c->edge->role->config;
    struct hello hello = {.sni = "", .alpn = {in, in_len}};
    struct bytes protocol = route_protocol(config, &c->route, &hello);

    (void)context;
    if (protocol.len > 0) {
        *ret_out = protocol.at;
        *ret_len = (unsigned char)protocol.len;
        return SSL_TLSEXT_ERR_OK;
    }
    if (c->route.service == ROUTE_NO_SERVICE || config->service[c->route.service].alpn.n == 0)
        return SSL_TLSEXT_ERR_NOACK;
    handshake_deny(c, REASON_TLS_UNKNOWN_NAME, "none of the service's application protocols",
                   (struct bytes){NULL, 0});
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
}

/*
 * Counts what a client sends of the handshake when it is over: a KeyUpdate costs us a derivation, a
 * ClientHello of TLS 1.2 an alert, and libssl has no limit. Too many, and nothing more is read.
 */
static void on_message(int sent, int version, int type, const void *octets, size_t len, SSL *ssl,
                       void *context)
{
    struct connection *c = SSL_get_app_data(ssl);

    (void)version;
    (void)context;
    (void)octets;
    (void)len;
    if (sent || !c || type != SSL3_RT_HANDSHAKE || c->phase == PHASE_HANDSHAKE)
        return;
    c->key_updates++;
    if (tls_too_many_key_updates(c))
        c->wire_failed = true;
}

/* --- making contexts -------------------------------------------------------------------------- */

static int no_password(char *buf, int size, int writing, void *context)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

bool tls_add_certificates(SSL_CTX *ctx, struct bytes pem, struct error *err)
{
    AUTO(bio_freep) BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *certificate;
    size_t n = 0;
    bool good = bio != NULL;

    ERR_clear_error();
    while (good && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
        good = (n++ == 0 ? SSL_CTX_use_certificate(ctx, certificate)
                         : (int)SSL_CTX_add1_chain_cert(ctx, certificate)) == 1;
        X509_free(certificate);
    }
    if (!good || n == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return err_set(err, REASON_FILE_MALFORMED, "certificate %zu: %s", n + (good ? 1 : 0),
                       ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    return true;
}

static const char *schemes_of(const EVP_PKEY *key)
{
    char group[32] = "";

    (void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
    for (size_t i = 0; i < ARRAY_LEN(own_schemes); i++)
        if (EVP_PKEY_is_a(key, own_schemes[i].type) &&
            (!own_schemes[i].group[0] || strcmp(own_schemes[i].group, group) == 0))
            return own_schemes[i].schemes;
    return "";
}

/* As a client only what we sign with is limited, not what the server may sign with. */
static bool set_own_schemes(SSL_CTX *ctx, const EVP_PKEY *key, enum key_role role)
{
    const char *schemes = schemes_of(key);

    return (role == KEY_ROLE_SERVER ? SSL_CTX_set1_sigalgs_list(ctx, schemes)
                                    : SSL_CTX_set1_client_sigalgs_list(ctx, schemes)) == 1;
}

bool tls_add_key(struct edge *edge, SSL_CTX *ctx, enum key_role role, uint32_t index,
                 struct error *err)
{
    EVP_PKEY *key;
    bool good;

    if (!key_provider_key(edge->key_provider, X509_get0_pubkey(SSL_CTX_get0_certificate(ctx)),
                          &edge->signers[role], index, &key, err))
        return false;
    good = SSL_CTX_use_PrivateKey(ctx, key) == 1 && set_own_schemes(ctx, key, role);
    EVP_PKEY_free(key);
    if (!good)
        return err_set(err, REASON_CRYPTO, "private key: %s",
                       ERR_reason_error_string(ERR_peek_last_error()));
    return true;
}

static bool set_rules(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_max_cert_list(ctx, PRESENTED_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, tls_verify, NULL);
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    SSL_CTX_set_msg_callback(ctx, on_message);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
           SSL_CTX_set_recv_max_early_data(ctx, 0) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, cipher_suites) == 1 &&
           SSL_CTX_set_cipher_list(ctx, ciphers_tls12) == 1 &&
           SSL_CTX_set1_client_sigalgs_list(ctx, client_schemes) == 1 &&
           SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
           SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"gatewayd", 8) == 1;
}

static bool find_index(const struct config *config, const char *title, uint32_t *ret_index)
{
    for (size_t i = 0; i < config->n_tls; i++) {
        if (strcmp(config->tls[i].title, title) != 0)
            continue;
        *ret_index = (uint32_t)i;
        return true;
    }
    return false;
}

bool tls_set_add(struct tls_set *set, const char *title, struct bytes pem, struct error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx)
        abort();
    if (!set_rules(ctx)) {
        SSL_CTX_free(ctx);
        return err_set(err, REASON_CRYPTO, "the rules of a TLS context");
    }
    if (!tls_add_certificates(ctx, pem, err)) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        return err_in(err, "tls %s", title);
    }
    set->sections = xrealloc(set->sections, set->n + 1, sizeof(*set->sections));
    set->sections[set->n++] = (struct section){.title = xstrdup(title), .ctx = ctx};
    (void)SSL_CTX_set_app_data(ctx, set->sections[set->n - 1].title);
    return true;
}

static bool set_options(SSL_CTX *ctx, const struct config_tls *tls, struct error *err)
{
    int version = tls->min_version == CONFIG_TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;

    size_t tickets = tls->resumption == CONFIG_RESUMPTION_STATEFUL;

    return (SSL_CTX_set_min_proto_version(ctx, version) == 1 &&
            SSL_CTX_set_num_tickets(ctx, tickets) == 1) ||
           err_set(err, REASON_CRYPTO, "min_version and resumption");
}

/* A handshake begins in the context of its listener's first section: all must let the cache be
 * asked, whichever of them resumes. */
static void let_resume(const struct config *config, struct tls_set *set)
{
    bool any = false;

    for (size_t i = 0; i < config->n_tls; i++)
        any = any || config->tls[i].resumption == CONFIG_RESUMPTION_STATEFUL;
    for (size_t i = 0; any && i < set->n; i++)
        resumption_use(set->sections[i].ctx);
}

/* The keys need the index of the section, which is known when the configuration is in force. */
bool tls_set_bind_keys(struct edge *edge, struct tls_set *set, struct error *err)
{
    const struct config *config = edge->role->config;

    for (size_t i = 0; i < set->n; i++) {
        uint32_t index;

        if (find_index(config, set->sections[i].title, &index) &&
            !(tls_add_key(edge, set->sections[i].ctx, KEY_ROLE_SERVER, index, err) &&
              set_options(set->sections[i].ctx, &config->tls[index], err)))
            return err_in(err, "tls %s", set->sections[i].title);
    }
    let_resume(config, set);
    return true;
}

/* --- sessions --------------------------------------------------------------------------------- */

SSL *tls_session(struct connection *c)
{
    const struct config_listener *listener = &c->edge->role->config->listener[c->listener];
    SSL *ssl = SSL_new(find(c->edge->tls, listener->tls.at[0]));
    BIO *bio = wire_bio(c);

    if (!ssl)
        abort();
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, c);
    SSL_set_accept_state(ssl);
    return ssl;
}

void tls_say_end(struct connection *c)
{
    if (!SSL_is_init_finished(c->ssl) || (SSL_get_shutdown(c->ssl) & SSL_SENT_SHUTDOWN))
        return;
    ERR_clear_error();
    (void)SSL_shutdown(c->ssl);
    ERR_clear_error();
}

bool tls_too_many_key_updates(const struct connection *c)
{
    return c->key_updates > KEY_UPDATES_FREE + c->bytes_in / KEY_UPDATE_OCTETS;
}
