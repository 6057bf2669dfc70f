/*
 * The verify callback. Runs in an edge inside of a handshake: CPU only. What it refuses gives the
 * client the alert of the reason, through the verify error that libssl translates.
 */
#include "gatewayd/edge/tls_verify.h"

#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/handshake.h"
#include "gatewayd/edge/wanted.h"

#include <openssl/ssl.h>

/* A verify error that libssl turns into the alert (ssl_x509err2alert). */
static const struct {
    uint8_t alert;
    int code;
} codes[] = {
    {SSL_AD_CERTIFICATE_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED},
    {SSL_AD_CERTIFICATE_REVOKED, X509_V_ERR_CERT_REVOKED},
    {SSL_AD_UNKNOWN_CA, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, X509_V_ERR_INVALID_PURPOSE},
    {SSL_AD_BAD_CERTIFICATE, X509_V_ERR_CERT_REJECTED},
};

int tls_verify_code(uint8_t alert)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].alert == alert)
            return codes[i].code;
    return X509_V_ERR_DIFFERENT_CRL_SCOPE; /* in no row of libssl's table: certificate_unknown */
}

static int deny(struct connection *c, X509_STORE_CTX *ctx, X509 *leaf,
                const struct verify_result *result)
{
    unsigned char *der = NULL;
    int len = i2d_X509(leaf, &der);
    struct bytes octets = {der, len > 0 ? (size_t)len : 0};

    if (octets.len > MESSAGE_CERTIFICATE_MAX)
        octets.len = 0;
    if (result->reason == REASON_CRL_MISSING)
        wanted_refused(c->edge, result->ca, leaf, X509_STORE_CTX_get0_untrusted(ctx));
    handshake_deny(c, result->reason, result->detail, octets);
    OPENSSL_free(der);
    X509_STORE_CTX_set_error(ctx, tls_verify_code(result->alert));
    return 0;
}

int tls_verify(X509_STORE_CTX *ctx, void *context)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct connection *c = SSL_get_app_data(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    struct chain_accepts accepts = chain_accepts_of(c);
    struct verify_result result;

    (void)context;
    chain_drop(c->edge, c->chain);
    c->chain = NULL;
    if (!chain_judge(c->edge, &accepts, leaf, X509_STORE_CTX_get0_untrusted(ctx), &c->chain,
                     &result))
        return deny(c, ctx, leaf, &result);
    wanted_unknown(c->edge, c->chain);
    if (chain_leaf(c->chain).len <= MESSAGE_CERTIFICATE_MAX) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    result = (struct verify_result){.reason = REASON_CERT_MALFORMED,
                                    .alert = verify_alert(REASON_CERT_MALFORMED),
                                    .detail = "the certificate is too large"};
    return deny(c, ctx, leaf, &result);
}
