/*
 * Path validation: X509_verify_cert in its strict form with certificate policies, then what it
 * leaves to the caller (verify_rules.c), then revocation by the index (verify_revocation.c; OpenSSL
 * would hash each list again per connection). Runs in edges on chains of strangers, and in
 * gatewayctl.
 */
#include "gatewayd/shared/verify.h"

#include "gatewayd/shared/config.h"
#include "gatewayd/shared/verify_reason.h"
#include "gatewayd/shared/verify_revocation.h"
#include "gatewayd/shared/verify_rules.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

struct verify_ca {
    const struct trust_ca *trust;
    X509_STORE *store;
    STACK_OF(X509) * intermediates;
    bool policies; /* an anchor or intermediate of the section says something of policies */
    struct revocation *revocation;
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

/* Extensions that make policy processing necessary (RFC 5280 6.1). */
static bool speaks_of_policies(const X509 *certificate)
{
    static const int extensions[] = {NID_certificate_policies, NID_policy_mappings,
                                     NID_policy_constraints, NID_inhibit_any_policy};

    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (X509_get_ext_by_NID(certificate, extensions[i], -1) >= 0)
            return true;
    return false;
}

static bool add_anchors(struct verify_ca *ca, struct error *err)
{
    for (size_t i = 0; i < ca->trust->n_anchors; i++) {
        AUTO(x509_freep) X509 *anchor = read_certificate(ca->trust->anchors[i]);

        if (!anchor || X509_STORE_add_cert(ca->store, anchor) != 1)
            return err_set(err, REASON_CERT_MALFORMED, "anchor %zu", i);
        ca->policies = ca->policies || speaks_of_policies(anchor);
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
        ca->policies = ca->policies || speaks_of_policies(certificate);
    }
    return true;
}

static bool any_speaks_of_policies(const STACK_OF(X509) * stack)
{
    for (int i = 0; i < sk_X509_num(stack); i++)
        if (speaks_of_policies(sk_X509_value(stack, i)))
            return true;
    return false;
}

/*
 * Without policies in the configuration the path may be valid for any one; with them one of them
 * must be valid. OpenSSL's own start, no policy at all, would refuse every path with
 * requireExplicitPolicy.
 */
static bool add_policies(X509_VERIFY_PARAM *param, const struct trust_ca *trust, struct error *err)
{
    ASN1_OBJECT *any = OBJ_nid2obj(NID_any_policy);

    if (trust->n_policies == 0)
        return X509_VERIFY_PARAM_add0_policy(param, any) == 1 ||
               err_set(err, REASON_CRYPTO, "anyPolicy");
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_EXPLICIT_POLICY);
    for (size_t i = 0; i < trust->n_policies; i++) {
        const unsigned char *at = trust->policies[i].at;
        ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &at, (long)trust->policies[i].len);

        if (!oid || X509_VERIFY_PARAM_add0_policy(param, oid) != 1) {
            ASN1_OBJECT_free(oid);
            return err_set(err, REASON_CONFIG_VALUE, "policy %zu", i);
        }
    }
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
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST |
                                                 X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_auth_level(param, VERIFY_SECURITY_LEVEL);
    /* OpenSSL counts the intermediates only. */
    X509_VERIFY_PARAM_set_depth(param, (int)trust->max_depth - 1);
    ca->policies = trust->n_policies > 0;
    if (add_policies(param, trust, err) && add_anchors(ca, err) && add_intermediates(ca, err) &&
        revocation_new(trust, &ca->revocation, err))
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
        revocation_free(ca->revocation);
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

static void describe(struct verify_result *result, int depth, X509 *certificate, const char *what)
{
    result->subject[0] = '\0';
    if (certificate)
        x509_name_text(X509_get_subject_name(certificate), result->subject,
                       sizeof(result->subject));
    result->depth = depth;
    result->check = what;
    (void)snprintf(result->detail, sizeof(result->detail), "certificate %d (%s): %s", depth,
                   result->subject, what);
}

static bool refuse(struct verify_result *result, enum reason reason, int depth, X509 *certificate,
                   const char *what)
{
    describe(result, depth, certificate, what);
    result->reason = reason;
    result->alert = verify_alert(reason);
    return false;
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

static const char *revocation_text(enum reason reason)
{
    switch (reason) {
    case REASON_CERT_REVOKED:
        return "its issuer's revocation list names it";
    case REASON_CRL_EXPIRED:
        return "the revocation list of its issuer is past nextUpdate and crl_grace";
    case REASON_CRL_INCOMPLETE:
        return "the revocation lists that are loaded speak for some reasons only";
    default:
        return "no revocation list that speaks for it is loaded";
    }
}

static int64_t later(int64_t time_s, uint32_t by_s)
{
    return time_s > INT64_MAX - by_s ? INT64_MAX : time_s + by_s;
}

static bool check_revocation(const struct verify_ca *ca, X509 *certificate, int depth,
                             const struct revocation_question *question,
                             struct verify_result *result)
{
    bool require = ca->trust->revocation == CONFIG_REVOCATION_REQUIRE;
    struct revocation_answer answer = revocation_ask(ca->revocation, certificate, question);
    int64_t until_s = later(answer.next_update_s, ca->trust->crl_grace_s);

    if (answer.reason == REASON_CERT_REVOKED || (answer.reason != REASON_OK && require))
        return refuse(result, answer.reason, depth, certificate, revocation_text(answer.reason));
    if (answer.reason != REASON_OK) {
        result->revocation = REVOCATION_UNKNOWN;
        return true;
    }
    if (result->crl_this_update_s == 0 || answer.this_update_s < result->crl_this_update_s)
        result->crl_this_update_s = answer.this_update_s;
    if (require && until_s < result->crl_valid_until_s)
        result->crl_valid_until_s = until_s;
    return true;
}

/* The last one is the anchor: trusted by configuration. Those above explain those below. */
static bool check_revocations(const struct verify_ca *ca, STACK_OF(X509) * chain, int64_t now_s,
                              struct verify_result *result)
{
    int last = sk_X509_num(chain) - 1;
    struct revocation_question question = {.anchor = x509_key_hash(sk_X509_value(chain, last)),
                                           .now_s = now_s,
                                           .grace_s = ca->trust->crl_grace_s};

    for (int i = last - 1; i >= 0; i--)
        if (!check_revocation(ca, sk_X509_value(chain, i), i, &question, result))
            return false;
    return true;
}

/* --- what has been found to be a path --------------------------------------------------------- */

static bool check_rules(const struct verify_ca *ca, STACK_OF(X509) * chain,
                        const struct verify_request *request, struct verify_result *result)
{
    /* The time of grace is for clients: a server's certificate has always been one for servers. */
    const struct verify_rules_chain question = {
        .chain = chain,
        .server = request->server,
        .eku_strict = request->server || request->now_s >= ca->trust->eku_strict_s};
    struct verify_rules_answer answer = verify_rules(&question);

    if (answer.reason != REASON_OK)
        return refuse(result, answer.reason, answer.depth, sk_X509_value(chain, answer.depth),
                      answer.what);
    result->eku_lacks = answer.eku_lacks;
    if (answer.eku_lacks)
        describe(result, answer.depth, sk_X509_value(chain, answer.depth), answer.what);
    /* It is judged again, and refused, when the time of grace is over. */
    if (answer.eku_lacks && ca->trust->eku_strict_s - 1 < result->not_after_s)
        result->not_after_s = ca->trust->eku_strict_s - 1;
    return true;
}

static bool check_chain(const struct verify_ca *ca, STACK_OF(X509) * chain,
                        const struct verify_request *request, struct verify_result *result)
{
    bool revocation = ca->trust->revocation != CONFIG_REVOCATION_OFF;

    result->revocation = revocation ? REVOCATION_GOOD : REVOCATION_NOT_CHECKED;
    if (!collect_dates(chain, result) || !check_rules(ca, chain, request, result))
        return false;
    return !revocation || check_revocations(ca, chain, request->now_s, result);
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

/*
 * What the strict form refuses but a path may have all the same. RFC 5280 asks CAs to write key
 * identifiers and to mark basicConstraints critical; nobody is admitted because they did not. An
 * anchor is trusted as it is.
 */
static int tolerate(int good, X509_STORE_CTX *ctx)
{
    int depth = X509_STORE_CTX_get_error_depth(ctx);
    bool is_anchor = depth > 0 && depth + 1 == sk_X509_num(X509_STORE_CTX_get0_chain(ctx));

    if (good)
        return 1;
    switch (X509_STORE_CTX_get_error(ctx)) {
    case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
    case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
    case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
        return 1;
    case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
        return is_anchor;
    default:
        return 0;
    }
}

/* OpenSSL calls an authority whose extensions it cannot read no issuer at all. */
static bool blame_malformed(X509 *leaf, const STACK_OF(X509) * presented,
                            struct verify_result *result)
{
    bool leaf_is_first = sk_X509_num(presented) > 0 && sk_X509_value(presented, 0) == leaf;

    if (X509_get_extension_flags(leaf) & EXFLAG_INVALID)
        return !refuse(result, REASON_CERT_EXTENSION, 0, leaf, EXTENSION_IS_WRONG);
    for (int i = leaf_is_first ? 1 : 0; i < sk_X509_num(presented); i++) {
        X509 *certificate = sk_X509_value(presented, i);

        if (X509_get_extension_flags(certificate) & EXFLAG_INVALID)
            return !refuse(result, REASON_CERT_EXTENSION, leaf_is_first ? i : i + 1, certificate,
                           EXTENSION_IS_WRONG);
    }
    return false;
}

/* ... and no authority at all one whose key usage does not let it sign certificates. */
static bool blame_usage(X509 *certificate, int depth, struct verify_result *result)
{
    if (depth == 0)
        return !refuse(result, REASON_CERT_KEY_USAGE, depth, certificate,
                       "it may sign certificates but is no CA certificate");
    if (!(X509_get_extension_flags(certificate) & EXFLAG_CA) ||
        (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN))
        return false;
    return !refuse(result, REASON_CERT_KEY_USAGE, depth, certificate,
                   "its key usage lacks keyCertSign");
}

static void say_why(X509_STORE_CTX *ctx, X509 *leaf, const STACK_OF(X509) * presented,
                    struct verify_result *result)
{
    int code = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
    X509 *certificate = X509_STORE_CTX_get_current_cert(ctx);

    if (verify_reason(code) == REASON_CERT_UNKNOWN_CA && blame_malformed(leaf, presented, result))
        return;
    if (code == X509_V_ERR_INVALID_CA && certificate && blame_usage(certificate, depth, result))
        return;
    if (code == X509_V_ERR_NO_EXPLICIT_POLICY) /* of the path as a whole */
        (void)refuse(result, REASON_CERT_POLICY, 0, leaf,
                     "no policy that is wanted is valid for "
                     "its whole path");
    else
        (void)refuse(result, verify_reason(code), depth, certificate,
                     X509_verify_cert_error_string(code));
}

static void try_ca(const struct verify_ca *ca, const struct verify_request *request, X509 *leaf,
                   const STACK_OF(X509) * presented, struct verify_result *result)
{
    bool own = sk_X509_num(ca->intermediates) > 0;
    STACK_OF(X509) *untrusted =
        own ? helpers(ca, presented) : (STACK_OF(X509) *)(uintptr_t)presented;
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;

    if (!ctx || X509_STORE_CTX_init(ctx, ca->store, leaf, untrusted) != 1)
        abort();
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)request->now_s);
    if (ca->policies || speaks_of_policies(leaf) || any_speaks_of_policies(presented))
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_POLICY_CHECK);
    X509_STORE_CTX_set_verify_cb(ctx, tolerate);
    if (X509_verify_cert(ctx) != 1)
        say_why(ctx, leaf, presented, result);
    else
        (void)check_chain(ca, X509_STORE_CTX_get0_chain(ctx), request, result);
    X509_STORE_CTX_free(ctx);
    if (own)
        sk_X509_free(untrusted);
    ERR_clear_error();
}

static void begin_result(struct verify_result *result)
{
    *result = (struct verify_result){
        .reason = REASON_OK, .not_after_s = INT64_MAX, .crl_valid_until_s = INT64_MAX, .check = ""};
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
