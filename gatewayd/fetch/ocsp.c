/*
 * OCSP answers. Runs in fetch on octets of any responder, or of who says that it is one: only what
 * the certificate's own issuer has signed, or a responder that it has named, says anything.
 */
#include "gatewayd/fetch/ocsp.h"

#include "gatewayd/shared/x509_facts.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

enum { SECURITY_LEVEL = 2 /* as verify.c */ };

DEFINE_AUTO(OCSP_CERTID *, certid_freep, OCSP_CERTID_free)
DEFINE_AUTO(OCSP_REQUEST *, request_freep, OCSP_REQUEST_free)
DEFINE_AUTO(OCSP_RESPONSE *, response_freep, OCSP_RESPONSE_free)
DEFINE_AUTO(OCSP_BASICRESP *, basic_freep, OCSP_BASICRESP_free)
DEFINE_AUTO(X509_STORE *, store_freep, X509_STORE_free)

/* --- question --------------------------------------------------------------------------------- */

/* SHA-1 names the issuer and protects nothing: what responders know (RFC 5019 2.1.1). */
static OCSP_CERTID *id_of(const struct ocsp_about *about)
{
    return OCSP_cert_to_id(EVP_sha1(), about->leaf, about->issuer);
}

/* No nonce: answers may be made in advance, and their dates bound how old they can be. */
bool ocsp_question(const struct ocsp_about *about, struct writer *out, struct error *err)
{
    AUTO(request_freep) OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = id_of(about);
    unsigned char *der = NULL;
    int len;

    if (!request || !id || !OCSP_request_add0_id(request, id)) {
        OCSP_CERTID_free(id);
        ERR_clear_error();
        return err_set(err, REASON_CRYPTO, "OCSP question");
    }
    len = i2d_OCSP_REQUEST(request, &der);
    if (len > 0)
        writer_put(out, (struct bytes){der, (size_t)len});
    OPENSSL_free(der);
    return len > 0 || err_set(err, REASON_CRYPTO, "OCSP question");
}

/* --- who has signed --------------------------------------------------------------------------- */

static bool no_answer(struct error *err, const char *what)
{
    return err_set(err, REASON_OCSP_UNAVAILABLE, "%s", what);
}

static bool digest_is_weak(const OCSP_BASICRESP *basic)
{
    const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(basic);
    const ASN1_OBJECT *object = NULL;
    int digest = NID_undef;

    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    if (!OBJ_find_sigid_algs(OBJ_obj2nid(object), &digest, NULL))
        return true;
    return digest == NID_md5 || digest == NID_md4 || digest == NID_md2 || digest == NID_sha1 ||
           digest == NID_ripemd160;
}

/* The issuer alone is trusted: a responder is it, or has its certificate from it. */
static X509_STORE *store_of(const struct ocsp_about *about)
{
    X509_STORE *store = X509_STORE_new();
    X509_VERIFY_PARAM *param = store ? X509_STORE_get0_param(store) : NULL;

    if (!store || X509_STORE_add_cert(store, about->issuer) != 1)
        abort();
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, 0);
    X509_VERIFY_PARAM_set_time(param, (time_t)about->now_s);
    return store;
}

static bool check_responder(OCSP_BASICRESP *basic, const struct ocsp_about *about,
                            struct error *err)
{
    X509 *signer = NULL;

    if (OCSP_resp_get0_signer(basic, &signer, NULL) != 1) { /* not in the answer: the issuer */
        ERR_clear_error();
        return true;
    }
    if (X509_cmp(signer, about->issuer) == 0 ||
        X509_get_ext_by_NID(signer, NID_id_pkix_OCSP_noCheck, -1) >= 0)
        return true;
    return !about->is_revoked(about->context, signer) ||
           no_answer(err, "the responder's certificate is revoked");
}

static bool check_signature(OCSP_BASICRESP *basic, const struct ocsp_about *about,
                            struct error *err)
{
    AUTO(store_freep) X509_STORE *store = store_of(about);
    STACK_OF(X509) *issuer = sk_X509_new_null();
    bool good;

    if (!issuer || sk_X509_push(issuer, about->issuer) == 0)
        abort();
    /* NOEXPLICIT: no root is a responder for others by itself. */
    good = OCSP_basic_verify(basic, issuer, store, OCSP_NOEXPLICIT) == 1;
    ERR_clear_error();
    sk_X509_free(issuer);
    if (!good)
        return no_answer(err, "neither the issuer nor a responder of it has signed the answer");
    if (digest_is_weak(basic))
        return no_answer(err, "the answer is signed with a weak digest");
    return check_responder(basic, about, err);
}

/* --- what it says ----------------------------------------------------------------------------- */

static bool check_dates(const ASN1_GENERALIZEDTIME *this_update,
                        const ASN1_GENERALIZEDTIME *next_update, int64_t now_s,
                        struct ocsp_result *result, struct error *err)
{
    int64_t end_s;

    if (!x509_time_s(this_update, &result->this_update_s) ||
        (next_update && !x509_time_s(next_update, &end_s)))
        return no_answer(err, "its dates are malformed");
    if (result->this_update_s > now_s + OCSP_SKEW_S)
        return no_answer(err, "its thisUpdate lies in the future");
    if (!next_update)
        end_s = result->this_update_s + OCSP_AGE_MAX_S;
    else if (end_s < result->this_update_s)
        return no_answer(err, "its nextUpdate lies before its thisUpdate");
    if (end_s + OCSP_SKEW_S <= now_s)
        return no_answer(err, "the answer is too old");
    if (end_s > now_s + OCSP_AGE_MAX_S)
        end_s = now_s + OCSP_AGE_MAX_S;
    result->until_s = end_s > now_s ? end_s : now_s + 1;
    return true;
}

static bool read_status(OCSP_BASICRESP *basic, const struct ocsp_about *about,
                        struct ocsp_result *result, struct error *err)
{
    AUTO(certid_freep) OCSP_CERTID *id = id_of(about);
    ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
    int status = -1;

    if (!id ||
        OCSP_resp_find_status(basic, id, &status, NULL, NULL, &this_update, &next_update) != 1) {
        ERR_clear_error();
        return no_answer(err, "the answer is about another certificate");
    }
    switch (status) {
    case V_OCSP_CERTSTATUS_GOOD:
        result->reason = REASON_OK;
        break;
    case V_OCSP_CERTSTATUS_REVOKED:
        result->reason = REASON_CERT_REVOKED;
        break;
    default:
        result->reason = REASON_OCSP_UNKNOWN;
        break;
    }
    return check_dates(this_update, next_update, about->now_s, result, err);
}

bool ocsp_answer(struct bytes octets, const struct ocsp_about *about,
                 struct ocsp_result *ret_result, struct error *err)
{
    const unsigned char *at = octets.at;
    AUTO(response_freep)
    OCSP_RESPONSE *response =
        octets.len > 0 ? d2i_OCSP_RESPONSE(NULL, &at, (long)octets.len) : NULL;
    AUTO(basic_freep) OCSP_BASICRESP *basic = NULL;
    struct ocsp_result result = {.reason = REASON_OCSP_UNKNOWN};
    int status;

    ERR_clear_error();
    if (!response || at != octets.at + octets.len)
        return no_answer(err, "the answer is no OCSP");
    status = OCSP_response_status(response);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return err_set(err, REASON_OCSP_UNAVAILABLE, "the responder says: %s",
                       OCSP_response_status_str(status));
    basic = OCSP_response_get1_basic(response);
    ERR_clear_error();
    if (!basic)
        return no_answer(err, "the answer is not a basic one");
    if (!check_signature(basic, about, err) || !read_status(basic, about, &result, err))
        return false;
    *ret_result = result;
    return true;
}
