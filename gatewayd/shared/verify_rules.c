/*
 * Rules for the certificates of a chain. Runs in edges on what strangers present, after
 * X509_verify_cert has accepted path and signatures, and in gatewayctl. The anchor is trusted by
 * configuration: only what it says of those below it counts.
 */
#include "gatewayd/shared/verify_rules.h"

#include "common/macros.h"
#include "gatewayd/shared/trust.h"
#include "gatewayd/shared/x509_facts.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <strings.h>

enum {
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192, /* verifying with more would cost milliseconds */
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

static const char *extensions_are_wrong(X509 *certificate)
{
    if (X509_get_extension_flags(certificate) & EXFLAG_INVALID)
        return "an extension is malformed or stands there twice";
    return NULL;
}

static const char *rsa_is_wrong(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    BIGNUM *exponent = NULL;
    bool good;

    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return "its RSA key is shorter than 2048 or longer than 8192 bits";
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
    {OF_ALL, REASON_CERT_EXTENSION, extensions_are_wrong},
    {OF_ALL, REASON_CERT_VERSION, version_is_wrong},
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

/* --- names ------------------------------------------------------------------------------------ */

static bool ends_with(struct bytes name, struct bytes suffix)
{
    return name.len >= suffix.len && strncasecmp((const char *)name.at + name.len - suffix.len,
                                                 (const char *)suffix.at, suffix.len) == 0;
}

static struct bytes dns_of(const GENERAL_NAME *name)
{
    struct bytes octets = {ASN1_STRING_get0_data(name->d.dNSName),
                           (size_t)ASN1_STRING_length(name->d.dNSName)};

    return octets;
}

/* "*.a.example" also means every name right below a.example, so also one that is excluded there. */
static bool wildcard_reaches(const GENERAL_NAME *alternative, const GENERAL_SUBTREE *excluded)
{
    struct bytes name, tree;

    if (alternative->type != GEN_DNS || excluded->base->type != GEN_DNS)
        return false;
    name = dns_of(alternative);
    tree = dns_of(excluded->base);
    return name.len > 2 && name.at[0] == '*' && name.at[1] == '.' &&
           ends_with(tree, (struct bytes){name.at + 1, name.len - 1});
}

static bool any_wildcard_reaches(X509 *leaf, const NAME_CONSTRAINTS *constraints)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool reaches = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !reaches; i++)
        for (int k = 0; k < sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees) && !reaches; k++)
            reaches = wildcard_reaches(sk_GENERAL_NAME_value(names, i),
                                       sk_GENERAL_SUBTREE_value(constraints->excludedSubtrees, k));
    GENERAL_NAMES_free(names);
    return reaches;
}

/* X509_verify_cert compares a wildcard as if it were a label. */
static const char *wildcard_is_wrong(X509 *leaf, X509 *authority)
{
    NAME_CONSTRAINTS *constraints;
    bool reaches;

    if (X509_get_ext_by_NID(authority, NID_name_constraints, -1) < 0)
        return NULL;
    constraints = X509_get_ext_d2i(authority, NID_name_constraints, NULL, NULL);
    if (!constraints)
        return "the name constraints above it are malformed";
    reaches = any_wildcard_reaches(leaf, constraints);
    NAME_CONSTRAINTS_free(constraints);
    return reaches ? "its wildcard name reaches into an excluded subtree" : NULL;
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
    answer->eku_lacks = answer->eku_lacks || what;
    return true;
}

/* From the top down: what is wrong with an authority explains what is wrong below it. */
struct verify_rules_answer verify_rules(const struct verify_rules_chain *chain)
{
    struct verify_rules_answer answer = {.reason = REASON_OK};
    int last = sk_X509_num(chain->chain) - 1;
    X509 *leaf = sk_X509_value(chain->chain, 0);

    for (int i = last - 1; i >= 0; i--)
        if (!check_one(sk_X509_value(chain->chain, i), i, &answer) || !check_eku(chain, i, &answer))
            break;
    for (int i = last; i > 0 && answer.reason == REASON_OK; i--) {
        const char *what = wildcard_is_wrong(leaf, sk_X509_value(chain->chain, i));

        if (what)
            (void)refuse(&answer, REASON_CERT_NAME_CONSTRAINT, 0, what);
    }
    ERR_clear_error();
    return answer;
}
