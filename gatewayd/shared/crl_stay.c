/*
 * Lists in force that stay until their successors have been fetched. Runs in load; the trust data
 * in force were made by an earlier load of the same daemon.
 */
#include "gatewayd/shared/crl_stay.h"

#include "common/text.h"
#include "gatewayd/shared/x509_facts.h"

#include <string.h>

enum { ISSUER_TEXT_MAX = 128 };

/* The lists that have been accepted so far. */
struct known {
    const struct trust_crl *lists;
    size_t n;
};

/* By its meaning: the same name may be written in other letters. */
bool crl_stay_is_name(struct bytes der, const X509_NAME *name)
{
    const unsigned char *at = der.at;
    X509_NAME *other = d2i_X509_NAME(NULL, &at, (long)der.len);
    bool same = other && X509_NAME_cmp(other, name) == 0;

    X509_NAME_free(other);
    return same;
}

/* What has no serial that can be looked up counts as revoked. */
static bool is_on_a_list(const struct trust_crl *lists, size_t n, const X509 *certificate)
{
    const X509_NAME *issuer = X509_get_issuer_name(certificate);
    struct bytes serial;

    if (!x509_serial(X509_get0_serialNumber(certificate), &serial))
        return true;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < lists[i].n_revoked; k++)
            if (trust_revoked_has(&lists[i].revoked[k], serial) &&
                crl_stay_is_name(lists[i].revoked[k].issuer, issuer))
                return true;
    return false;
}

/* A certificate bears the name of the list's issuer; *ret_revoked: one that does is revoked. */
static bool has_issuer(const STACK_OF(X509) * stack, const struct known *known, struct bytes issuer,
                       bool *ret_revoked)
{
    bool found = false;

    for (int i = 0; i < sk_X509_num(stack); i++) {
        const X509 *certificate = sk_X509_value(stack, i);

        if (!crl_stay_is_name(issuer, X509_get_subject_name(certificate)))
            continue;
        found = true;
        *ret_revoked = *ret_revoked || is_on_a_list(known->lists, known->n, certificate);
    }
    return found;
}

static bool has_anchor(const STACK_OF(X509) * anchors, const struct hash *key)
{
    for (int i = 0; i < sk_X509_num(anchors); i++) {
        struct hash hash = x509_key_hash(sk_X509_value(anchors, i));

        if (memcmp(hash.octets, key->octets, HASH_LEN) == 0)
            return true;
    }
    return false;
}

bool crl_stay_may(const struct crl_build_request *request, const struct trust_crl *lists, size_t n,
                  const struct trust_crl *crl)
{
    const struct known known = {lists, n};
    bool revoked = false;
    bool found = has_issuer(request->anchors, &known, crl->issuer, &revoked);

    found = has_issuer(request->intermediates, &known, crl->issuer, &revoked) || found;
    return found && !revoked && has_anchor(request->anchors, &crl->anchor) &&
           request->now_s <= crl->next_update_s + request->grace_s;
}

void crl_stay_tell(const struct crl_build_request *request, const struct trust_crl *crl)
{
    const unsigned char *at = crl->issuer.at;
    X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)crl->issuer.len);
    char issuer[ISSUER_TEXT_MAX] = "", update[32];
    struct error err;

    if (name)
        x509_name_text(name, issuer, sizeof(issuer));
    X509_NAME_free(name);
    text_format_time_ms(crl->this_update_s * 1000, update);
    (void)err_set(&err, REASON_CRL_MISSING,
                  "the one in force stays until another is fetched or it ends: of %s, %s", update,
                  issuer);
    request->errors->found(request->errors->context, "", false, &err);
}
