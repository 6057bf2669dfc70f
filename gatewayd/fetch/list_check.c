/*
 * Fetched lists. Runs in fetch on octets of any server.
 */
#include "gatewayd/fetch/list_check.h"

#include "gatewayd/shared/x509_facts.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { ASN1_SEQUENCE_TAG = 0x30 };
enum { CLOCK_SKEW_S = 300 }; /* a list may be from so far in the future: clocks differ */

static bool read_number(const X509_CRL *crl, struct list_facts *facts, struct error *err)
{
    int critical = -1;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, &critical, NULL);
    BIGNUM *value = number ? ASN1_INTEGER_to_BN(number, NULL) : NULL;
    bool good = value && !BN_is_negative(value) &&
                BN_bn2binpad(value, facts->number, LIST_NUMBER_MAX) == LIST_NUMBER_MAX;

    BN_free(value);
    ASN1_INTEGER_free(number);
    facts->numbered = good;
    return good || critical == -1 || err_set(err, REASON_FETCH_REFUSED, "its CRL number");
}

static bool read_facts(const X509_CRL *crl, struct list_facts *facts, struct error *err)
{
    if (!x509_time_s(X509_CRL_get0_lastUpdate(crl), &facts->this_update_s))
        return err_set(err, REASON_FETCH_REFUSED, "its thisUpdate");
    if (!x509_time_s(X509_CRL_get0_nextUpdate(crl), &facts->next_update_s))
        return err_set(err, REASON_FETCH_REFUSED, "it has no nextUpdate");
    if (facts->this_update_s <= 0 || facts->next_update_s < facts->this_update_s)
        return err_set(err, REASON_FETCH_REFUSED, "its nextUpdate lies before its thisUpdate");
    return read_number(crl, facts, err) && list_kind_read(crl, &facts->kind, err);
}

static X509_CRL *parse(struct bytes octets, struct error *err)
{
    const unsigned char *at = octets.at;
    X509_CRL *crl = octets.len > 0 ? d2i_X509_CRL(NULL, &at, (long)octets.len) : NULL;

    ERR_clear_error();
    if (crl && at == octets.at + octets.len)
        return crl;
    X509_CRL_free(crl);
    (void)err_set(err, REASON_FETCH_REFUSED, "%zu octets that are no DER revocation list",
                  octets.len);
    return NULL;
}

/* The one list of PEM; *ret_der is OpenSSL's. */
static bool read_pem(BIO *bio, unsigned char **ret_der, long *ret_len, struct error *err)
{
    char *name = NULL, *header = NULL, *more = NULL;
    unsigned char *after = NULL;
    bool found, good, alone;
    long len;

    *ret_der = NULL;
    found = PEM_read_bio(bio, &name, &header, ret_der, ret_len) == 1;
    good = found && strcmp(name, PEM_STRING_X509_CRL) == 0 && header[0] == '\0';
    OPENSSL_free(name);
    OPENSSL_free(header);
    header = NULL;
    alone = good && PEM_read_bio(bio, &more, &header, &after, &len) != 1 &&
            ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    OPENSSL_free(more);
    OPENSSL_free(header);
    OPENSSL_free(after);
    ERR_clear_error();
    if (!good)
        return err_set(err, REASON_FETCH_REFUSED, "neither a DER nor a PEM revocation list");
    return alone || err_set(err, REASON_FETCH_REFUSED, "PEM with more than one revocation list");
}

bool list_to_der(struct bytes octets, struct writer *out, struct bytes *ret_der, struct error *err)
{
    static const char begin[] = "-----BEGIN ";
    AUTO(bio_freep) BIO *bio = NULL;
    unsigned char *der = NULL;
    long len = 0;
    bool good;

    *ret_der = octets;
    if (octets.len < sizeof(begin) - 1 || octets.at[0] == ASN1_SEQUENCE_TAG ||
        octets.len > INT_MAX || !memmem(octets.at, octets.len, begin, sizeof(begin) - 1))
        return true; /* DER, or nothing at all: list_check says */
    bio = BIO_new_mem_buf(octets.at, (int)octets.len);
    if (!bio)
        abort();
    good = read_pem(bio, &der, &len, err);
    if (good)
        writer_put(out, (struct bytes){der, (size_t)len});
    OPENSSL_free(der);
    *ret_der = writer_bytes(out);
    return good && (writer_ok(out) || err_set(err, REASON_FETCH_REFUSED, "it is too large"));
}

bool list_read(struct bytes octets, struct list_facts *ret_facts, struct error *err)
{
    AUTO(x509_crl_freep) X509_CRL *crl = parse(octets, err);
    struct list_facts facts = {0};

    if (!crl || !read_facts(crl, &facts, err))
        return false;
    *ret_facts = facts;
    return true;
}

static bool is_signed_by(X509_CRL *crl, const STACK_OF(X509) * issuers)
{
    for (int i = 0; issuers && i < sk_X509_num(issuers); i++) {
        X509 *issuer = sk_X509_value(issuers, i);

        if (X509_NAME_cmp(X509_get_subject_name(issuer), X509_CRL_get_issuer(crl)) == 0 &&
            X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1)
            return true;
    }
    return false;
}

static bool is_older(const struct list_facts *facts, const struct list_facts *before)
{
    if (before->this_update_s == 0)
        return false;
    if (facts->numbered && before->numbered)
        return memcmp(facts->number, before->number, LIST_NUMBER_MAX) < 0;
    return facts->this_update_s < before->this_update_s;
}

static bool has_name(const STACK_OF(X509_NAME) * names, const X509_NAME *name)
{
    for (int i = 0; names && i < sk_X509_NAME_num(names); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0)
            return true;
    return false;
}

/* Lists of one authority are public, all of them: the right signature is not enough. */
static bool is_expected(const X509_CRL *crl, const struct list_facts *facts,
                        const struct list_against *against, struct error *err)
{
    if (against->before->this_update_s > 0)
        return list_kind_check(&facts->kind, &against->before->kind, err);
    if (!against->of_certificate)
        return true;
    if (!has_name(against->named, X509_CRL_get_issuer(crl)))
        return err_set(err, REASON_FETCH_REFUSED,
                       "no certificate with this address has its lists from this issuer");
    return !facts->kind.delta ||
           err_set(err, REASON_FETCH_REFUSED, "a delta list where certificates name a whole one");
}

bool list_check(struct bytes octets, const struct list_against *against,
                struct list_facts *ret_facts, struct error *err)
{
    AUTO(x509_crl_freep) X509_CRL *crl = parse(octets, err);
    struct list_facts facts = {0};
    bool signed_well;

    if (!crl || !read_facts(crl, &facts, err))
        return false;
    signed_well = is_signed_by(crl, against->issuers) || is_signed_by(crl, against->others);
    ERR_clear_error();
    if (!signed_well)
        return err_set(err, REASON_FETCH_REFUSED, "no authority of the ca section has signed it");
    if (facts.this_update_s > against->now_s + CLOCK_SKEW_S)
        return err_set(err, REASON_FETCH_REFUSED, "its thisUpdate lies in the future");
    if (!is_expected(crl, &facts, against, err))
        return false;
    if (is_older(&facts, against->before))
        return err_set(err, REASON_FETCH_REFUSED, "it is older than the list that is here");
    *ret_facts = facts;
    return true;
}
