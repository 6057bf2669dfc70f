/*
 * Path validation over OpenSSL's X509_verify_cert, plus what it leaves to the caller: extended key
 * usage that must be there, revocation by the index (no OpenSSL revocation checking: it would hash
 * each list again per connection), serial numbers, the facts of the chain. Runs in edges on chains
 * of strangers, and in gatewayctl.
 */
#include "gatewayd/shared/verify.h"

#include "gatewayd/shared/config.h"
#include "gatewayd/shared/verify_reason.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum {
    SECURITY_LEVEL =
        2, /* RSA 2048, curves of 224 bits, SHA-256: 112 bits (SSL_CTX_set_security_level) */
    NAME_ROOM = 96, /* octets of a subject in a detail */
};

struct list {
    struct hash key;
    X509_NAME *issuer;
    const struct trust_crl *crl;
};

struct verify_ca {
    const struct trust_ca *trust;
    X509_STORE *store;
    STACK_OF(X509) * intermediates;
    struct list *lists; /* sorted by key */
    size_t n_lists;
};

struct verify {
    const struct trust *trust;
    struct verify_ca *cas;
};

/* --- making it -------------------------------------------------------------------------------- */

static X509 *read_certificate(struct bytes der)
{
    const unsigned char *at = der.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);

    if (certificate && at == der.at + der.len)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool add_anchors(struct verify_ca *ca, struct error *err)
{
    for (size_t i = 0; i < ca->trust->n_anchors; i++) {
        AUTO(x509_freep) X509 *anchor = read_certificate(ca->trust->anchors[i]);

        if (!anchor || X509_STORE_add_cert(ca->store, anchor) != 1)
            return err_set(err, REASON_CERT_MALFORMED, "anchor %zu", i);
    }
    return true;
}

static bool add_intermediates(struct verify_ca *ca, struct error *err)
{
    for (size_t i = 0; i < ca->trust->n_intermediates; i++) {
        X509 *certificate = read_certificate(ca->trust->intermediates[i]);

        if (!certificate || sk_X509_push(ca->intermediates, certificate) == 0) {
            X509_free(certificate);
            return err_set(err, REASON_CERT_MALFORMED, "intermediate %zu", i);
        }
    }
    return true;
}

static int compare_lists(const void *a, const void *b)
{
    return memcmp(((const struct list *)a)->key.octets, ((const struct list *)b)->key.octets,
                  HASH_LEN);
}

static bool add_lists(struct verify_ca *ca, struct error *err)
{
    ca->lists = xcalloc(ca->trust->n_crls, sizeof(*ca->lists));
    for (size_t i = 0; i < ca->trust->n_crls; i++) {
        const struct trust_crl *crl = &ca->trust->crls[i];
        const unsigned char *at = crl->issuer.at;
        X509_NAME *issuer = d2i_X509_NAME(NULL, &at, (long)crl->issuer.len);

        if (!issuer)
            return err_set(err, REASON_CERT_MALFORMED, "issuer of revocation list %zu", i);
        ca->lists[ca->n_lists++] = (struct list){.key = crl->key, .issuer = issuer, .crl = crl};
    }
    qsort(ca->lists, ca->n_lists, sizeof(*ca->lists), compare_lists);
    return true;
}

static bool make_ca(struct verify_ca *ca, const struct trust_ca *trust, struct error *err)
{
    X509_VERIFY_PARAM *param;

    ca->trust = trust;
    ca->store = X509_STORE_new();
    ca->intermediates = sk_X509_new_null();
    if (!ca->store || !ca->intermediates)
        abort();
    param = X509_STORE_get0_param(ca->store);
    /* An anchor may be an intermediate: trusted by itself, whatever stands above it. */
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    /* OpenSSL counts the intermediates only. */
    X509_VERIFY_PARAM_set_depth(param, (int)trust->max_depth - 1);
    if (add_anchors(ca, err) && add_intermediates(ca, err) && add_lists(ca, err))
        return true;
    ERR_clear_error();
    return err_in(err, "ca %.*s", (int)trust->name.len, (const char *)trust->name.at);
}

bool verify_new(const struct trust *trust, struct verify **ret_verify, struct error *err)
{
    AUTO(verify_freep) struct verify *verify = xcalloc(1, sizeof(*verify));

    verify->trust = trust;
    verify->cas = xcalloc(trust->n_cas, sizeof(*verify->cas));
    for (size_t i = 0; i < trust->n_cas; i++)
        if (!make_ca(&verify->cas[i], &trust->cas[i], err))
            return false;
    *ret_verify = STEAL(verify);
    return true;
}

struct verify *verify_free(struct verify *verify)
{
    if (!verify)
        return NULL;
    for (size_t i = 0; i < verify->trust->n_cas; i++) {
        struct verify_ca *ca = &verify->cas[i];

        X509_STORE_free(ca->store);
        sk_X509_pop_free(ca->intermediates, X509_free);
        for (size_t j = 0; j < ca->n_lists; j++)
            X509_NAME_free(ca->lists[j].issuer);
        free(ca->lists);
    }
    free(verify->cas);
    free(verify);
    return NULL;
}

const struct trust *verify_trust(const struct verify *verify)
{
    return verify->trust;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool refuse(struct verify_result *result, enum reason reason, int depth, X509 *certificate,
                   const char *what)
{
    char name[NAME_ROOM] = "";

    if (certificate)
        x509_name_text(X509_get_subject_name(certificate), name, sizeof(name));
    result->reason = reason;
    result->alert = verify_alert(reason);
    (void)snprintf(result->detail, sizeof(result->detail), "certificate %d (%s): %s", depth, name,
                   what);
    return false;
}

/* --- rules that OpenSSL does not have --------------------------------------------------------- */

/* What a chain is for: a row each for clients and for servers. */
static const struct purpose {
    int purpose, trust;
    uint32_t eku;
    const char *eku_lacks, *no_ca;
} purposes[] = {
    [false] = {X509_PURPOSE_SSL_CLIENT, X509_TRUST_SSL_CLIENT, XKU_SSL_CLIENT,
               "its extended key usage lacks clientAuth", "a CA certificate is no client"},
    [true] = {X509_PURPOSE_SSL_SERVER, X509_TRUST_SSL_SERVER, XKU_SSL_SERVER,
              "its extended key usage lacks serverAuth", "a CA certificate is no server"},
};

static bool eku_is_wrong(const struct purpose *purpose, X509 *certificate)
{
    uint32_t eku = X509_get_extended_key_usage(certificate);

    return eku != UINT32_MAX && (eku & purpose->eku) == 0;
}

static bool check_leaf(const struct purpose *purpose, X509 *leaf, struct verify_result *result)
{
    uint32_t flags = X509_get_extension_flags(leaf);

    if ((flags & EXFLAG_XKUSAGE) == 0)
        return refuse(result, REASON_CERT_EKU, 0, leaf, "it has no extended key usage");
    if (eku_is_wrong(purpose, leaf))
        return refuse(result, REASON_CERT_EKU, 0, leaf, purpose->eku_lacks);
    if (flags & EXFLAG_CA)
        return refuse(result, REASON_CERT_PURPOSE, 0, leaf, purpose->no_ca);
    if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
        return refuse(result, REASON_CERT_PURPOSE, 0, leaf, "its key usage lacks digitalSignature");
    return true;
}

static bool check_form(X509 *certificate, int depth, struct verify_result *result)
{
    struct bytes serial;

    if (!x509_serial(X509_get0_serialNumber(certificate), &serial) || serial.len > TRUST_SERIAL_LEN)
        return refuse(result, REASON_CERT_MALFORMED, depth, certificate,
                      "its serial number is zero, negative or longer than 20 octets");
    if (X509_get_extension_flags(certificate) & EXFLAG_INVALID)
        return refuse(result, REASON_CERT_MALFORMED, depth, certificate, "its extensions");
    if (X509_get_version(certificate) != X509_VERSION_3)
        return refuse(result, REASON_CERT_INVALID, depth, certificate, "it is not version 3");
    return true;
}

static bool collect_dates(STACK_OF(X509) * chain, struct verify_result *result)
{
    result->not_before_s = INT64_MIN;
    result->not_after_s = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *certificate = sk_X509_value(chain, i);
        int64_t begin_s, end_s;

        if (!x509_time_s(X509_get0_notBefore(certificate), &begin_s) ||
            !x509_time_s(X509_get0_notAfter(certificate), &end_s))
            return refuse(result, REASON_CERT_MALFORMED, i, certificate, "its validity");
        if (begin_s > result->not_before_s)
            result->not_before_s = begin_s;
        if (end_s < result->not_after_s)
            result->not_after_s = end_s;
    }
    return true;
}

/* --- revocation ------------------------------------------------------------------------------- */

/* The list that speaks for certificates of this kind by this issuer; NULL: none. */
static const struct trust_crl *find_list(const struct verify_ca *ca, X509 *certificate,
                                         const X509 *issuer)
{
    bool is_ca = (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
    uint8_t scope = is_ca ? TRUST_SCOPE_CAS : TRUST_SCOPE_USERS;
    struct hash key;
    size_t low = 0, high = ca->n_lists;

    if (ca->n_lists == 0)
        return NULL;
    key = x509_key_hash(issuer);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(ca->lists[middle].key.octets, key.octets, HASH_LEN) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < ca->n_lists && memcmp(ca->lists[low].key.octets, key.octets, HASH_LEN) == 0; low++)
        if ((ca->lists[low].crl->scope & scope) &&
            X509_NAME_cmp(ca->lists[low].issuer, X509_get_issuer_name(certificate)) == 0)
            return ca->lists[low].crl;
    return NULL;
}

static int64_t later(int64_t time_s, uint32_t by_s)
{
    return time_s > INT64_MAX - by_s ? INT64_MAX : time_s + by_s;
}

static bool lacks_list(const struct verify_ca *ca, enum reason reason, int depth, X509 *certificate,
                       const char *what, struct verify_result *result)
{
    if (ca->trust->revocation == CONFIG_REVOCATION_REQUIRE)
        return refuse(result, reason, depth, certificate, what);
    result->revocation = REVOCATION_UNKNOWN;
    return true;
}

static bool check_revocation(const struct verify_ca *ca, X509 *certificate, const X509 *issuer,
                             int depth, int64_t now_s, struct verify_result *result)
{
    const struct trust_crl *crl = find_list(ca, certificate, issuer);
    struct bytes serial;
    int64_t until_s;

    if (!crl)
        return lacks_list(ca, REASON_CRL_MISSING, depth, certificate,
                          "no revocation list of its issuer is loaded", result);
    /* Even an expired list is right about those that it names. */
    if (!x509_serial(X509_get0_serialNumber(certificate), &serial) || trust_crl_has(crl, serial))
        return refuse(result, REASON_CERT_REVOKED, depth, certificate,
                      "its issuer's revocation list names it");
    until_s = later(crl->next_update_s, ca->trust->crl_grace_s);
    if (until_s <= now_s)
        return lacks_list(ca, REASON_CRL_EXPIRED, depth, certificate,
                          "the revocation list of its issuer is past nextUpdate and crl_grace",
                          result);
    if (result->crl_this_update_s == 0 || crl->this_update_s < result->crl_this_update_s)
        result->crl_this_update_s = crl->this_update_s;
    if (ca->trust->revocation == CONFIG_REVOCATION_REQUIRE && until_s < result->crl_valid_until_s)
        result->crl_valid_until_s = until_s;
    return true;
}

static bool check_chain(const struct verify_ca *ca, const struct verify_request *request,
                        STACK_OF(X509) * chain, struct verify_result *result)
{
    bool revocation = ca->trust->revocation != CONFIG_REVOCATION_OFF;

    result->revocation = revocation ? REVOCATION_GOOD : REVOCATION_NOT_CHECKED;
    if (!collect_dates(chain, result))
        return false;
    /* The last one is the anchor: trusted by configuration. */
    for (int i = 0; i + 1 < sk_X509_num(chain); i++)
        if (!check_form(sk_X509_value(chain, i), i, result))
            return false;
    if (!check_leaf(&purposes[request->server], sk_X509_value(chain, 0), result))
        return false;
    for (int i = 0; revocation && i + 1 < sk_X509_num(chain); i++)
        if (!check_revocation(ca, sk_X509_value(chain, i), sk_X509_value(chain, i + 1), i,
                              request->now_s, result))
            return false;
    return true;
}

/* --- one ca section, then all of them --------------------------------------------------------- */

/* Certificates that may help to build a path: the presented ones first. Borrows them all. */
static STACK_OF(X509) * helpers(const struct verify_ca *ca, const STACK_OF(X509) * presented)
{
    STACK_OF(X509) *all = presented ? sk_X509_dup(presented) : sk_X509_new_null();

    if (!all)
        abort();
    for (int i = 0; i < sk_X509_num(ca->intermediates); i++)
        if (sk_X509_push(all, sk_X509_value(ca->intermediates, i)) == 0)
            abort();
    return all;
}

static void say_why(const struct purpose *purpose, X509_STORE_CTX *ctx,
                    struct verify_result *result)
{
    int code = X509_STORE_CTX_get_error(ctx);
    X509 *certificate = X509_STORE_CTX_get_current_cert(ctx);
    int depth = X509_STORE_CTX_get_error_depth(ctx);

    if (code == X509_V_ERR_INVALID_PURPOSE && certificate && eku_is_wrong(purpose, certificate)) {
        (void)refuse(result, REASON_CERT_EKU, depth, certificate, purpose->eku_lacks);
        return;
    }
    (void)refuse(result, verify_reason(code), depth, certificate,
                 X509_verify_cert_error_string(code));
}

static void try_ca(const struct verify_ca *ca, const struct verify_request *request, X509 *leaf,
                   const STACK_OF(X509) * presented, struct verify_result *result)
{
    const struct purpose *purpose = &purposes[request->server];
    STACK_OF(X509) *untrusted = helpers(ca, presented);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    if (!ctx || X509_STORE_CTX_init(ctx, ca->store, leaf, untrusted) != 1)
        abort();
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)request->now_s);
    (void)X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(ctx), purpose->purpose);
    (void)X509_VERIFY_PARAM_set_trust(X509_STORE_CTX_get0_param(ctx), purpose->trust);
    if (X509_verify_cert(ctx) != 1)
        say_why(purpose, ctx, result);
    else
        (void)check_chain(ca, request, X509_STORE_CTX_get0_chain(ctx), result);
    X509_STORE_CTX_free(ctx);
    sk_X509_free(untrusted);
    ERR_clear_error();
}

static void begin_result(struct verify_result *result)
{
    *result = (struct verify_result){
        .reason = REASON_OK, .not_after_s = INT64_MAX, .crl_valid_until_s = INT64_MAX};
}

/*
 * The first section that holds the chain's anchor decides, so that a certificate refused there
 * cannot come in under a laxer section behind it.
 */
void verify_certificates(const struct verify *verify, const struct verify_request *request,
                         X509 *leaf, const STACK_OF(X509) * presented,
                         struct verify_result *ret_result)
{
    struct verify_result unknown;

    begin_result(&unknown);
    (void)refuse(&unknown, REASON_CERT_UNKNOWN_CA, 0, leaf, "no accepted ca section knows it");
    if (!verify || verify->trust->n_cas == 0)
        (void)refuse(&unknown, REASON_TRUST_MISSING, 0, leaf, "no trust data is loaded");
    else if (presented && sk_X509_num(presented) > VERIFY_CHAIN_MAX)
        (void)refuse(&unknown, REASON_CERT_CHAIN_TOO_LONG, 0, leaf, "too many were presented");
    *ret_result = unknown;
    if (unknown.reason != REASON_CERT_UNKNOWN_CA)
        return;
    for (size_t i = 0; i < request->n_cas; i++) {
        if (request->cas[i] >= verify->trust->n_cas)
            continue;
        begin_result(ret_result);
        ret_result->ca = request->cas[i];
        try_ca(&verify->cas[request->cas[i]], request, leaf, presented, ret_result);
        /* Another authority of the same name may be the right one: so it is for a wrong signature.
         */
        if (ret_result->reason != REASON_CERT_UNKNOWN_CA &&
            ret_result->reason != REASON_CERT_SIGNATURE)
            return;
        if (unknown.reason == REASON_CERT_UNKNOWN_CA)
            unknown = *ret_result;
    }
    *ret_result = unknown;
}

void verify_chain(const struct verify *verify, const struct verify_request *request,
                  const struct bytes *certificates, size_t n, struct verify_result *ret_result)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    struct verify_result bad;

    if (!all)
        abort();
    begin_result(&bad);
    if (n == 0)
        (void)refuse(&bad, REASON_TLS_NO_CERTIFICATE, 0, NULL, "none was presented");
    if (n > VERIFY_CHAIN_MAX)
        (void)refuse(&bad, REASON_CERT_CHAIN_TOO_LONG, 0, NULL, "too many were presented");
    for (size_t i = 0; bad.reason == REASON_OK && i < n; i++) {
        X509 *certificate = read_certificate(certificates[i]);

        if (!certificate)
            (void)refuse(&bad, REASON_CERT_MALFORMED, (int)i, NULL, "no DER certificate");
        else if (sk_X509_push(all, certificate) == 0)
            abort();
    }
    ERR_clear_error();
    if (bad.reason == REASON_OK)
        verify_certificates(verify, request, sk_X509_value(all, 0), all, &bad);
    *ret_result = bad;
    sk_X509_pop_free(all, X509_free);
}
