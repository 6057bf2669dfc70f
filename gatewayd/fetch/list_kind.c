/*
 * Kinds of revocation lists. Runs in fetch on octets of any server: lists of the right authority
 * are public, all of them, and whoever answers in place of a server can choose among them.
 */
#include "gatewayd/fetch/list_kind.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* The octets of an extension that may be there once; none: it is not. */
static bool read_extension(const X509_CRL *crl, int nid, struct bytes *ret_octets,
                           struct error *err)
{
    int at = X509_CRL_get_ext_by_NID(crl, nid, -1);
    const ASN1_OCTET_STRING *value;

    *ret_octets = (struct bytes){NULL, 0};
    if (at < 0)
        return true;
    value = X509_EXTENSION_get_data(X509_CRL_get_ext(crl, at));
    *ret_octets = (struct bytes){ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
    if (ret_octets->len == 0 || X509_CRL_get_ext_by_NID(crl, nid, at) >= 0)
        return err_set(err, REASON_FETCH_REFUSED, "an extension that is empty or there twice");
    return true;
}

/* The key id alone where there is one: beside it may stand what a renewed certificate changes. */
static bool read_key(const X509_CRL *crl, struct hash *ret_key, struct error *err)
{
    AUTHORITY_KEYID *id;
    struct bytes octets;

    if (!read_extension(crl, NID_authority_key_identifier, &octets, err))
        return false;
    if (octets.len == 0)
        return true;
    id = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    ERR_clear_error();
    if (!id)
        return err_set(err, REASON_FETCH_REFUSED, "its authority key id");
    if (id->keyid)
        octets =
            (struct bytes){ASN1_STRING_get0_data(id->keyid), (size_t)ASN1_STRING_length(id->keyid)};
    *ret_key = hash_of(octets);
    AUTHORITY_KEYID_free(id);
    return true;
}

static bool read_issuer(const X509_CRL *crl, struct hash *ret_issuer, struct error *err)
{
    const unsigned char *der = NULL;
    size_t len = 0;

    if (X509_NAME_get0_der(X509_CRL_get_issuer(crl), &der, &len) != 1) {
        ERR_clear_error();
        return err_set(err, REASON_FETCH_REFUSED, "its issuer");
    }
    *ret_issuer = hash_of((struct bytes){der, len});
    return true;
}

bool list_kind_read(const X509_CRL *crl, struct list_kind *ret_kind, struct error *err)
{
    struct list_kind kind = {.delta = false};
    struct bytes point, delta;

    if (!read_issuer(crl, &kind.issuer, err) || !read_key(crl, &kind.key, err) ||
        !read_extension(crl, NID_issuing_distribution_point, &point, err) ||
        !read_extension(crl, NID_delta_crl, &delta, err))
        return false;
    if (point.len > 0)
        kind.point = hash_of(point);
    kind.delta = delta.len > 0;
    *ret_kind = kind;
    return true;
}

bool list_kind_check(const struct list_kind *kind, const struct list_kind *bound, struct error *err)
{
    const char *what = NULL;

    if (!hash_equal(&kind->issuer, &bound->issuer))
        what = "issuer";
    else if (!hash_equal(&kind->key, &bound->key))
        what = "authority key id";
    else if (!hash_equal(&kind->point, &bound->point))
        what = "issuing distribution point";
    else if (kind->delta != bound->delta)
        what = "delta indicator";
    if (!what)
        return true;
    return err_set(err, REASON_FETCH_REFUSED,
                   "its %s is not that of the list that is here: it may not take its place", what);
}
