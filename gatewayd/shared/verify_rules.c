/*
 * Rules for the certificates of a chain. Runs in edges on what strangers present, after
 * X509_verify_cert has accepted path and signatures, and in gatewayctl. The anchor is trusted by
 * configuration: only what it says of those below it counts.
 */
#include "gatewayd/shared/verify_rules.h"

#include "common/macros.h"
#include "gatewayd/shared/trust.h"
#include "gatewayd/shared/verify_names.h"
#include "gatewayd/shared/x509_facts.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192, /* verifying with more would cost milliseconds */
    EXTENSIONS_MAX = 64, /* of one certificate; RFC 5280 has 17, and each is compared with each */
};

/* --- one certificate -------------------------------------------------------------------------- */

static const char *serial_is_wrong(X509 *certificate)
{
    struct bytes serial;

    if (x509_serial(X509_get0_serialNumber(certificate), &serial) && serial.len <= TRUST_SERIAL_LEN)
        return NULL;
    return "its serial number is zero, negative or longer than 20 octets";
}

static const char *version_is_wrong(X509 *certificate)
{
    return X509_get_version(certificate) == X509_VERSION_3 ? NULL : "it is not version 3";
}

/* RFC 5280 4.1.2.5: to the second, in Z. GeneralizedTime before 2050 must be understood as well. */
static bool time_is_wrong(const ASN1_TIME *time)
{
    const char *text = (const char *)ASN1_STRING_get0_data(time);
    int len = ASN1_STRING_length(time);

    if (len == 0 || text[len - 1] != 'Z')
        return true;
    if (ASN1_STRING_type(time) == V_ASN1_UTCTIME)
        return len != (int)strlen("260101000000Z");
    return len != (int)strlen("20500101000000Z");
}

static const char *times_are_wrong(X509 *certificate)
{
    if (time_is_wrong(X509_get0_notBefore(certificate)) ||
        time_is_wrong(X509_get0_notAfter(certificate)))
        return "a date of it is not in its form";
    return NULL;
}

/* One DER element and nothing behind it: what d2i functions leave unread could mean anything. */
static bool is_whole(X509_EXTENSION *extension)
{
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    const unsigned char *begin = ASN1_STRING_get0_data(value), *at = begin;
    long len = ASN1_STRING_length(value), content_len;
    int tag, class, flags;

    flags = ASN1_get_object(&at, &content_len, &tag, &class, len);
    return !(flags & 0x81) && at + content_len == begin + len; /* 0x80 error, 1 indefinite */
}

static bool stands_before(const X509 *certificate, int index)
{
    const ASN1_OBJECT *object = X509_EXTENSION_get_object(X509_get_ext(certificate, index));

    return X509_get_ext_by_OBJ(certificate, object, -1) < index;
}

/* OpenSSL looks at those that it knows. */
static const char *extensions_are_wrong(X509 *certificate)
{
    int n = X509_get_ext_count(certificate);

    if (X509_get_extension_flags(certificate) & EXFLAG_INVALID)
        return EXTENSION_IS_WRONG;
    if (n > EXTENSIONS_MAX)
        return "it has too many extensions";
    for (int i = 0; i < n; i++)
        if (!is_whole(X509_get_ext(certificate, i)) || stands_before(certificate, i))
            return EXTENSION_IS_WRONG;
    return NULL;
}

static const char *rsa_is_wrong(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    BIGNUM *exponent = NULL;
    bool good;

    if (bits > RSA_BITS_MAX)
        return "its RSA key is longer than 8192 bits";
    if (bits % 8 != 0)
        return "the length of its RSA key is no number of octets";
    good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
           BN_is_odd(exponent) && !BN_is_one(exponent);
    BN_free(exponent);
    return good ? NULL : "the exponent of its RSA key";
}

static const char *ec_is_wrong(const EVP_PKEY *key)
{
    static const char *const curves[] = {"prime256v1", "P-256",     "secp384r1",
                                         "P-384",      "secp521r1", "P-521"};
    char name[32] = "";
    size_t len = 0;

    if (EVP_PKEY_get_group_name(key, name, sizeof(name), &len) == 1)
        for (size_t i = 0; i < ARRAY_LEN(curves); i++)
            if (strcmp(name, curves[i]) == 0)
                return NULL;
    return "the curve of its key is none of P-256, P-384 and P-521";
}

static const char *key_is_wrong(X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);

    if (!key)
        return "its public key cannot be read";
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return rsa_is_wrong(key);
    case EVP_PKEY_EC:
        return ec_is_wrong(key);
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
        return NULL;
    default:
        return "its key is neither RSA nor on an accepted curve";
    }
}

/* X509_verify_cert goes by the bits of security, and 2,047 have as many as 2,048. */
static const char *key_is_short(X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    bool is_rsa = key && (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ||
                          EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS);

    return is_rsa && EVP_PKEY_get_bits(key) < RSA_BITS_MIN ? "its RSA key is shorter than 2048 bits"
                                                           : NULL;
}

static const char *is_authority(X509 *leaf)
{
    return X509_get_extension_flags(leaf) & EXFLAG_CA ? "a CA certificate is no end entity" : NULL;
}

static const char *usage_is_wrong(X509 *leaf)
{
    return X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE ? NULL
                                                           : "its key usage lacks digitalSignature";
}

enum whose { OF_ALL, OF_LEAF };

static const struct {
    enum whose whose;
    enum reason reason;
    const char *(*is_wrong)(X509 *certificate); /* NULL, or what is wrong */
} rules[] = {
    {OF_ALL, REASON_CERT_SERIAL, serial_is_wrong},
    {OF_ALL, REASON_CERT_MALFORMED, times_are_wrong},
    {OF_ALL, REASON_CERT_EXTENSION, extensions_are_wrong},
    {OF_ALL, REASON_CERT_VERSION, version_is_wrong},
    {OF_ALL, REASON_CERT_WEAK_KEY, key_is_short},
    {OF_ALL, REASON_CERT_ALGORITHM, key_is_wrong},
    {OF_LEAF, REASON_CERT_IS_CA, is_authority},
    {OF_LEAF, REASON_CERT_KEY_USAGE, usage_is_wrong},
};

/* --- extended key usage ----------------------------------------------------------------------- */

/* What a chain is for: a row each for clients and for servers. */
static const struct purpose {
    uint32_t eku;
    const char *leaf_lacks, *authority_lacks;
} purposes[] = {
    [false] = {XKU_SSL_CLIENT, "its extended key usage lacks clientAuth",
               "its extended key usage lacks clientAuth, so nothing below it may be a client"},
    [true] = {XKU_SSL_SERVER, "its extended key usage lacks serverAuth",
              "its extended key usage lacks serverAuth, so nothing below it may be a server"},
};

/* RFC 5280 4.2.1.12. anyExtendedKeyUsage does not count: who issues it has not thought of us. A CA
 * certificate without the extension restricts nothing. */
static const char *eku_lacks(const struct purpose *purpose, X509 *certificate, int depth)
{
    uint32_t eku = X509_get_extended_key_usage(certificate);

    if (eku == UINT32_MAX)
        return depth == 0 ? "it has no extended key usage" : NULL;
    if (eku & purpose->eku)
        return NULL;
    return depth == 0 ? purpose->leaf_lacks : purpose->authority_lacks;
}

/* --- all -------------------------------------------------------------------------------------- */

static bool refuse(struct verify_rules_answer *answer, enum reason reason, int depth,
                   const char *what)
{
    answer->reason = reason;
    answer->depth = depth;
    answer->what = what;
    return false;
}

static bool check_one(X509 *certificate, int depth, struct verify_rules_answer *answer)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const char *what =
            rules[i].whose == OF_LEAF && depth > 0 ? NULL : rules[i].is_wrong(certificate);

        if (what)
            return refuse(answer, rules[i].reason, depth, what);
    }
    return true;
}

static bool check_eku(const struct verify_rules_chain *chain, int depth,
                      struct verify_rules_answer *answer)
{
    const char *what =
        eku_lacks(&purposes[chain->server], sk_X509_value(chain->chain, depth), depth);

    if (what && chain->eku_strict)
        return refuse(answer, REASON_CERT_EKU, depth, what);
    if (what && !answer->eku_lacks) {
        answer->eku_lacks = true;
        answer->depth = depth;
        answer->what = what;
    }
    return true;
}

static bool check_names(const STACK_OF(X509) * chain, struct verify_rules_answer *answer)
{
    struct verify_names_answer names = verify_names(chain);

    return names.reason == REASON_OK || refuse(answer, names.reason, names.depth, names.what);
}

/* From the top down: what is wrong with an authority explains what is wrong below it. */
struct verify_rules_answer verify_rules(const struct verify_rules_chain *chain)
{
    struct verify_rules_answer answer = {.reason = REASON_OK};
    int last = sk_X509_num(chain->chain) - 1;

    for (int i = last - 1; i >= 0; i--)
        if (!check_one(sk_X509_value(chain->chain, i), i, &answer) || !check_eku(chain, i, &answer))
            break;
    if (answer.reason == REASON_OK)
        (void)check_names(chain->chain, &answer);
    ERR_clear_error();
    return answer;
}
