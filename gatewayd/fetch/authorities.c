/*
 * Anchors out of the trust data, and paths to them. Runs in fetch on chains that an edge passes on:
 * an edge may be taken, so that nothing of a chain is believed before its signatures are.
 */
#include "gatewayd/fetch/authorities.h"

#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>

enum { SECURITY_LEVEL = 2 }; /* as verify.c */

static X509 *read_certificate(struct bytes der)
{
    const unsigned char *at = der.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);

    if (certificate && at == der.at + der.len)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool add(struct authority *authority, struct bytes der, bool anchor, struct error *err)
{
    X509 *certificate = read_certificate(der);

    if (!certificate)
        return err_set(err, REASON_CERT_MALFORMED, "a certificate of the trust data");
    if (sk_X509_push(authority->issuers, certificate) == 0)
        abort();
    if (anchor)
        return X509_STORE_add_cert(authority->store, certificate) == 1 ||
               err_set(err, REASON_CERT_MALFORMED, "an anchor of the trust data");
    if (sk_X509_push(authority->in_between, certificate) == 0)
        abort();
    return true;
}

static bool make(struct authority *authority, const struct trust_ca *trust, struct error *err)
{
    X509_VERIFY_PARAM *param;

    authority->trust = trust;
    authority->store = X509_STORE_new();
    authority->issuers = sk_X509_new_null();
    authority->in_between = sk_X509_new_null();
    if (!authority->store || !authority->issuers || !authority->in_between)
        abort();
    param = X509_STORE_get0_param(authority->store);
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, AUTHORITY_CHAIN_MAX);
    for (size_t i = 0; i < trust->n_anchors; i++)
        if (!add(authority, trust->anchors[i], true, err))
            return false;
    for (size_t i = 0; i < trust->n_intermediates; i++)
        if (!add(authority, trust->intermediates[i], false, err))
            return false;
    return true;
}

DEFINE_AUTO(struct authorities *, authorities_freep, authorities_free)

bool authorities_map(int fd, struct authorities **ret_authorities, struct error *err)
{
    AUTO(authorities_freep) struct authorities *all = xcalloc(1, sizeof(*all));

    if (!memfd_map(fd, TRUST_MAX, &all->octets, err) ||
        !trust_decode(all->octets, &all->trust, err))
        return false;
    all->at = xcalloc(all->trust->n_cas, sizeof(*all->at));
    all->n = all->trust->n_cas;
    for (size_t i = 0; i < all->n; i++)
        if (!make(&all->at[i], &all->trust->cas[i], err)) {
            ERR_clear_error();
            return false;
        }
    *ret_authorities = STEAL(all);
    return true;
}

struct authorities *authorities_free(struct authorities *all)
{
    if (!all)
        return NULL;
    for (size_t i = 0; i < all->n; i++) {
        X509_STORE_free(all->at[i].store);
        sk_X509_free(all->at[i].in_between);
        sk_X509_pop_free(all->at[i].issuers, X509_free);
    }
    free(all->at);
    trust_free(all->trust);
    memfd_unmap(all->octets);
    free(all);
    return NULL;
}

const struct authority *authorities_find(const struct authorities *all, struct bytes title)
{
    for (size_t i = 0; all && i < all->n; i++)
        if (bytes_equal(all->at[i].trust->name, title))
            return &all->at[i];
    return NULL;
}

/* --- paths ------------------------------------------------------------------------------------ */

static bool read_chain(struct bytes chain, STACK_OF(X509) * all, struct error *err)
{
    const unsigned char *at = chain.at, *end = chain.at + chain.len;

    while (at < end) {
        X509 *certificate = d2i_X509(NULL, &at, end - at);

        if (!certificate || sk_X509_num(all) == AUTHORITY_CHAIN_MAX) {
            X509_free(certificate);
            return err_set(err, REASON_CERT_MALFORMED, "certificate %d of the chain",
                           sk_X509_num(all));
        }
        if (sk_X509_push(all, certificate) == 0)
            abort();
    }
    return sk_X509_num(all) > 0 || err_set(err, REASON_CERT_MALFORMED, "no certificate");
}

static bool build(const struct authority *authority, STACK_OF(X509) * presented, int64_t now_s,
                  STACK_OF(X509) * *ret_path, struct error *err)
{
    STACK_OF(X509) *helpers = sk_X509_dup(presented);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool good;

    for (int i = 0; helpers && i < sk_X509_num(authority->in_between); i++)
        if (sk_X509_push(helpers, sk_X509_value(authority->in_between, i)) == 0)
            abort();
    if (!helpers || !ctx ||
        X509_STORE_CTX_init(ctx, authority->store, sk_X509_value(presented, 0), helpers) != 1)
        abort();
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)now_s);
    good = X509_verify_cert(ctx) == 1;
    if (good)
        *ret_path = X509_STORE_CTX_get1_chain(ctx);
    else
        (void)err_set(err, REASON_CERT_UNKNOWN_CA, "%s",
                      X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_free(ctx);
    sk_X509_free(helpers);
    return good;
}

bool authority_path(const struct authority *authority, struct bytes chain, int64_t now_s,
                    STACK_OF(X509) * *ret_path, struct error *err)
{
    STACK_OF(X509) *presented = sk_X509_new_null();
    bool good;

    if (!presented)
        abort();
    good = read_chain(chain, presented, err) && build(authority, presented, now_s, ret_path, err);
    sk_X509_pop_free(presented, X509_free);
    ERR_clear_error();
    return good;
}
