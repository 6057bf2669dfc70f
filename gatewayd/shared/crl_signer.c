/*
 * Who has signed a revocation list. Runs in load and in gatewayctl; a list counts only when its
 * issuer's certificate leads to an anchor of the ca section, may sign lists, and did sign this one
 * (RFC 5280 6.3.3 f, g).
 */
#include "gatewayd/shared/crl_signer.h"

#include "gatewayd/shared/verify.h"
#include "gatewayd/shared/x509_facts.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* RSASSA-PSS has its digest in its parameters; none there means SHA-1 (RFC 4055 3.1). */
static int digest_of_pss(const X509_ALGOR *algorithm)
{
    const void *value = NULL;
    int type = V_ASN1_UNDEF, digest = NID_sha1;
    RSA_PSS_PARAMS *params = NULL;

    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    if (type == V_ASN1_SEQUENCE)
        params = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
    if (params && params->hashAlgorithm)
        digest = OBJ_obj2nid(params->hashAlgorithm->algorithm);
    RSA_PSS_PARAMS_free(params);
    return digest;
}

static bool digest_is_weak(const X509_CRL *crl)
{
    int digest = NID_undef;
    const X509_ALGOR *algorithm;

    if (!OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &digest, NULL))
        return true;
    X509_CRL_get0_signature(crl, NULL, &algorithm);
    if (X509_CRL_get_signature_nid(crl) == NID_rsassaPss)
        digest = digest_of_pss(algorithm);
    return digest == NID_md5 || digest == NID_md4 || digest == NID_md2 || digest == NID_sha1 ||
           digest == NID_ripemd160;
}

/* The anchor above a certificate. Dates are left out: an authority that has expired denies those
 * below it by itself, and its list still names whom it has revoked. */
static bool find_anchor(const struct crl_build_request *request, X509 *signer,
                        struct hash *ret_anchor)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool good;

    if (!store || !ctx)
        abort();
    for (int i = 0; i < sk_X509_num(request->anchors); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(request->anchors, i)) != 1)
            abort();
    (void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST |
                                          X509_V_FLAG_NO_CHECK_TIME);
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), VERIFY_SECURITY_LEVEL);
    if (X509_STORE_CTX_init(ctx, store, signer,
                            (STACK_OF(X509) *)(uintptr_t)request->intermediates) != 1)
        abort();
    good = X509_verify_cert(ctx) == 1;
    if (good) {
        const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

        *ret_anchor = x509_key_hash(sk_X509_value(chain, sk_X509_num(chain) - 1));
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return good;
}

static bool is_signed_by(const struct crl_list *list, X509 *signer, bool *ret_named)
{
    if (X509_NAME_cmp(X509_get_subject_name(signer), X509_CRL_get_issuer(list->crl)) != 0)
        return false;
    *ret_named = true;
    return (X509_get_key_usage(signer) & KU_CRL_SIGN) != 0 &&
           X509_CRL_verify(list->crl, X509_get0_pubkey(signer)) == 1;
}

static bool find_signer(const struct crl_build_request *request, const STACK_OF(X509) * stack,
                        struct crl_list *list, bool *ret_named)
{
    for (int i = 0; i < sk_X509_num(stack); i++) {
        X509 *signer = sk_X509_value(stack, i);

        if (!is_signed_by(list, signer, ret_named) || !find_anchor(request, signer, &list->anchor))
            continue;
        list->signer = signer;
        return true;
    }
    return false;
}

bool crl_signer_find(const struct crl_build_request *request, struct crl_list *list,
                     bool *ret_stops, struct error *err)
{
    bool named = false;
    char name[128];
    bool good = find_signer(request, request->anchors, list, &named) ||
                find_signer(request, request->intermediates, list, &named);

    ERR_clear_error();
    x509_name_text(X509_CRL_get_issuer(list->crl), name, sizeof(name));
    *ret_stops = named;
    if (!named)
        return err_set(err, REASON_CERT_UNKNOWN_CA,
                       "no anchor or intermediate of the ca section is its issuer %s", name);
    if (!good)
        return err_set(err, REASON_CERT_SIGNATURE,
                       "no certificate of %s may sign lists, has signed it and leads to an anchor",
                       name);
    if (digest_is_weak(list->crl))
        return err_set(err, REASON_CERT_WEAK_KEY, "signed with a weak digest by %s", name);
    return true;
}
