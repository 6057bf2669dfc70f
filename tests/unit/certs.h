#pragma once
/*
 * Certificates for tests of decide: one call makes a self-signed one from a description, so that a
 * table of cases can say what is odd about each.
 */
#include "common/bytes.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct cert_component {
    const char *type; /* "CN", "UID", "emailAddress" */
    int string;       /* V_ASN1_UTF8STRING ...; 0 means UTF8 */
    const char *value;
    int len;     /* -1: strlen; also 0 */
    bool joined; /* in the relative name of the one before */
};

struct cert_spec {
    struct cert_component subject[6];
    const char *san;      /* as openssl.cnf: "email:a@b,DNS:c" */
    struct bytes san_der; /* instead: the octets of the extension */
    const char *eku;
    long serial;                /* 0: 4711 */
    long not_before, not_after; /* seconds from now; 0, 0: an hour ago, an hour */
};

static EVP_PKEY *cert_key(void)
{
    static EVP_PKEY *key;

    if (!key)
        key = EVP_EC_gen("P-256");
    return key;
}

static inline void cert_extension(X509 *x509, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension)
        abort();
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
}

static inline void cert_raw_extension(X509 *x509, int nid, struct bytes octets)
{
    ASN1_OCTET_STRING *string = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;

    ASN1_OCTET_STRING_set(string, octets.at, (int)octets.len);
    extension = X509_EXTENSION_create_by_NID(NULL, nid, 0, string);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(string);
}

static inline void cert_subject(X509 *x509, const struct cert_spec *spec)
{
    X509_NAME *name = X509_get_subject_name(x509);

    for (size_t i = 0; i < 6 && spec->subject[i].type; i++) {
        const struct cert_component *c = &spec->subject[i];
        int string = c->string ? c->string : V_ASN1_UTF8STRING;
        int len = c->len > 0 ? c->len : (int)strlen(c->value);
        /* Raw octets: OpenSSL must not check or convert what the test wants to be odd. */
        X509_NAME_ENTRY *entry = X509_NAME_ENTRY_create_by_txt(NULL, c->type, V_ASN1_UTF8STRING,
                                                               (const unsigned char *)"x", 1);

        ASN1_STRING_set(X509_NAME_ENTRY_get_data(entry), c->value, len);
        X509_NAME_ENTRY_get_data(entry)->type = string;
        X509_NAME_add_entry(name, entry, -1, c->joined ? -1 : 0);
        X509_NAME_ENTRY_free(entry);
    }
}

/* The caller frees the octets. */
static inline struct bytes cert_make(const struct cert_spec *spec)
{
    X509 *x509 = X509_new();
    bool odd_times = spec->not_before || spec->not_after;
    unsigned char *der = NULL;
    int len;

    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), spec->serial ? spec->serial : 4711);
    X509_gmtime_adj(X509_getm_notBefore(x509), odd_times ? spec->not_before : -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), odd_times ? spec->not_after : 3600);
    X509_set_pubkey(x509, cert_key());
    cert_subject(x509, spec);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(x509), "O", MBSTRING_UTF8,
                               (const unsigned char *)"Test", -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(x509), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"Users CA", -1, -1, 0);
    if (spec->san)
        cert_extension(x509, NID_subject_alt_name, spec->san);
    if (spec->san_der.len)
        cert_raw_extension(x509, NID_subject_alt_name, spec->san_der);
    if (spec->eku)
        cert_extension(x509, NID_ext_key_usage, spec->eku);
    X509_sign(x509, cert_key(), EVP_sha256());
    len = i2d_X509(x509, &der);
    X509_free(x509);
    if (len <= 0)
        abort();
    return (struct bytes){der, (size_t)len};
}
