#pragma once
/*
 * A small certificate authority for tests of TLS, path validation and revocation: one call makes a
 * certificate from a description, one a revocation list. Times are seconds from now.
 */
#include "common/bytes.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct pki_spec {
    const char *cn;
    EVP_PKEY *key; /* of the subject; NULL: a new P-256 key */
    X509 *issuer;  /* NULL: self-signed */
    EVP_PKEY *issuer_key;
    const char *basic;          /* "critical,CA:TRUE", NULL: none */
    const char *usage;          /* "critical,keyCertSign,cRLSign", NULL: none */
    const char *eku;            /* "clientAuth", NULL: none */
    const char *san;            /* "DNS:a.example" */
    const char *constraints;    /* "permitted;DNS:.example" */
    long not_before, not_after; /* 0, 0: an hour ago, an hour */
    uint64_t serial;            /* 0: 1000 */
    const EVP_MD *digest;       /* NULL: SHA-256, or none for Ed25519 */
    bool no_serial;             /* serial number zero */
};

/* Not EVP_EC_gen and EVP_RSA_gen, which do not work beside direct_keys.h. */
static inline EVP_PKEY *pki_generate(int type, int bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
    EVP_PKEY *key = NULL;

    if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 ||
        (type == EVP_PKEY_EC ? EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1)
                             : EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits)) != 1 ||
        EVP_PKEY_keygen(ctx, &key) != 1)
        abort();
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static inline EVP_PKEY *pki_key(void)
{
    return pki_generate(EVP_PKEY_EC, 0);
}

static inline void pki_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    if (!value)
        return;
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension)
        abort();
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
}

static inline void pki_sign(X509 *x509, EVP_PKEY *key, const EVP_MD *digest)
{
    if (!digest && !EVP_PKEY_is_a(key, "ED25519"))
        digest = EVP_sha256();
    if (X509_sign(x509, key, digest) <= 0)
        abort();
}

static inline X509 *pki_make(const struct pki_spec *spec)
{
    X509 *x509 = X509_new();
    EVP_PKEY *key = spec->key ? spec->key : pki_key();
    X509 *issuer = spec->issuer ? spec->issuer : x509;
    bool odd_times = spec->not_before || spec->not_after;

    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), spec->no_serial ? 0
                                                         : spec->serial  ? spec->serial
                                                                         : 1000);
    X509_gmtime_adj(X509_getm_notBefore(x509), odd_times ? spec->not_before : -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), odd_times ? spec->not_after : 3600);
    X509_set_pubkey(x509, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                               (const unsigned char *)spec->cn, -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(issuer));
    pki_extension(x509, issuer, NID_basic_constraints, spec->basic);
    pki_extension(x509, issuer, NID_key_usage, spec->usage);
    pki_extension(x509, issuer, NID_ext_key_usage, spec->eku);
    pki_extension(x509, issuer, NID_subject_alt_name, spec->san);
    pki_extension(x509, issuer, NID_name_constraints, spec->constraints);
    pki_sign(x509, spec->issuer_key ? spec->issuer_key : key, spec->digest);
    if (!spec->key)
        EVP_PKEY_free(key);
    return x509;
}

static inline X509 *pki_ca(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                           uint64_t serial)
{
    const struct pki_spec spec = {.cn = cn,
                                  .key = key,
                                  .issuer = issuer,
                                  .issuer_key = issuer_key,
                                  .basic = "critical,CA:TRUE",
                                  .usage = "critical,keyCertSign,cRLSign",
                                  .not_before = -7200,
                                  .not_after = 7200,
                                  .serial = serial};

    return pki_make(&spec);
}

static inline X509_CRL *pki_crl(X509 *issuer, EVP_PKEY *key, const uint64_t *serials, size_t n,
                                long this_update, long next_update)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = ASN1_TIME_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();

    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(crl, X509_gmtime_adj(time, this_update));
    X509_CRL_set1_nextUpdate(crl, X509_gmtime_adj(time, next_update));
    ASN1_INTEGER_set(number, 1);
    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0);
    ASN1_INTEGER_free(number);
    for (size_t i = 0; i < n; i++) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();

        ASN1_INTEGER_set_uint64(serial, serials[i]);
        X509_REVOKED_set_serialNumber(entry, serial);
        X509_REVOKED_set_revocationDate(entry, X509_gmtime_adj(time, -60));
        X509_CRL_add0_revoked(crl, entry);
        ASN1_INTEGER_free(serial);
    }
    ASN1_TIME_free(time);
    X509_CRL_sort(crl);
    if (X509_CRL_sign(crl, key, EVP_sha256()) <= 0)
        abort();
    return crl;
}

/* The caller frees the octets of the next four. */
static inline struct bytes pki_take(BIO *bio)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    uint8_t *copy = malloc((size_t)len + 1);

    memcpy(copy, text, (size_t)len);
    copy[len] = 0;
    BIO_free(bio);
    return (struct bytes){copy, (size_t)len};
}

static inline struct bytes pki_pem(X509 *const *all, size_t n)
{
    BIO *bio = BIO_new(BIO_s_mem());

    for (size_t i = 0; i < n; i++)
        PEM_write_bio_X509(bio, all[i]);
    return pki_take(bio);
}

static inline struct bytes pki_key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    return pki_take(bio);
}

static inline struct bytes pki_crl_octets(X509_CRL *crl, bool pem)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (pem)
        PEM_write_bio_X509_CRL(bio, crl);
    else
        i2d_X509_CRL_bio(bio, crl);
    return pki_take(bio);
}

static inline struct bytes pki_der(X509 *x509)
{
    BIO *bio = BIO_new(BIO_s_mem());

    i2d_X509_bio(bio, x509);
    return pki_take(bio);
}
