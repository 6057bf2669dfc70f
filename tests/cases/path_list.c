/*
 * Revocation lists of the path cases.
 */
#include "tests/cases/path_maker.h"

#include "common/macros.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word, *extension, *prefix;
} extensions[] = {
    {"number", "crlNumber", "ASN1:INTEGER:"}, {"base", "deltaCRL", "critical,ASN1:INTEGER:"},
    {"idp", "issuingDistributionPoint", ""},  {"aki", "authorityKeyIdentifier", ""},
    {"freshest", "freshestCRL", ""},
};

static void add_extension(X509_CRL *crl, X509_EXTENSION *extension)
{
    if (extension && X509_CRL_add_ext(crl, extension, -1) != 1)
        abort();
    X509_EXTENSION_free(extension);
}

static void add_extensions(const struct path_world *world, const struct path_line *line,
                           X509 *issuer, X509_CRL *crl)
{
    const char *more;

    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        const char *fallback = strcmp(extensions[i].word, "number") == 0 ? "1" : "";
        const char *value = path_value(line, extensions[i].word, fallback);
        char text[512];

        (void)snprintf(text, sizeof(text), "%s%s", *value ? extensions[i].prefix : "", value);
        add_extension(crl, path_extension(world, issuer, NULL, extensions[i].extension, text));
    }
    for (size_t i = 0; (more = path_value_at(line, "ext", i)); i++) {
        char oid[64];
        size_t len = strcspn(more, ":");

        if (len >= sizeof(oid) || !more[len])
            path_stop("no extension", more);
        memcpy(oid, more, len);
        oid[len] = '\0';
        add_extension(crl, path_extension(world, issuer, NULL, oid, more + len + 1));
    }
}

static void set_serial(struct path_world *world, X509_REVOKED *entry, const char *who)
{
    const struct path_object *object = path_find(world, who);
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    BIGNUM *number = NULL;

    if (object && object->x509) {
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(object->x509));
    } else {
        if (BN_hex2bn(&number, who) <= 0)
            path_stop("no serial number", who);
        X509_REVOKED_set_serialNumber(entry, BN_to_ASN1_INTEGER(number, serial));
        BN_free(number);
    }
    ASN1_INTEGER_free(serial);
}

/* By its number (RFC 5280 5.3.1): 6 certificateHold, 8 removeFromCRL. */
static void set_reason(X509_REVOKED *entry, const char *number)
{
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

    if (ASN1_ENUMERATED_set(reason, atol(number)) != 1 ||
        X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0) != 1)
        path_stop("no reason of a revocation", number);
    ASN1_ENUMERATED_free(reason);
}

/* The certificate's issuer (RFC 5280 5.3.3). */
static void set_issuer(struct path_world *world, X509_REVOKED *entry, const char *name)
{
    const struct path_object *object = path_find(world, name);
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *general = GENERAL_NAME_new();

    if (!object || !object->x509)
        path_stop("no such issuer", name);
    GENERAL_NAME_set0_value(general, GEN_DIRNAME,
                            X509_NAME_dup(X509_get_subject_name(object->x509)));
    sk_GENERAL_NAME_push(names, general);
    if (X509_REVOKED_add1_ext_i2d(entry, NID_certificate_issuer, names, 1, 0) != 1)
        abort();
    GENERAL_NAMES_free(names);
}

/* WHO[:REASON][@ISSUER][!]: a certificate's name or a serial in hex; ! a critical extension. */
static void add_entry(struct path_world *world, X509_CRL *crl, char *text)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = ASN1_TIME_new();
    char *unknown = strchr(text, '!'), *issuer = strchr(text, '@'), *reason = strchr(text, ':');

    if (unknown)
        *unknown = '\0';
    if (issuer)
        *issuer++ = '\0';
    if (reason)
        *reason++ = '\0';
    set_serial(world, entry, text);
    path_set_time(when, "2026-02-01");
    X509_REVOKED_set_revocationDate(entry, when);
    if (reason)
        set_reason(entry, reason);
    if (issuer)
        set_issuer(world, entry, issuer);
    if (unknown) {
        X509_EXTENSION *extension =
            path_extension(world, NULL, NULL, "1.2.3.4.5", "critical,DER:0500");

        X509_REVOKED_add_ext(entry, extension, -1);
        X509_EXTENSION_free(extension);
    }
    ASN1_TIME_free(when);
    X509_CRL_add0_revoked(crl, entry);
}

static void add_entries(struct path_world *world, const struct path_line *line, X509_CRL *crl)
{
    char *all = strdup(path_value(line, "revoked", "")), *rest = all;

    for (char *text = strsep(&rest, ","); text; text = strsep(&rest, ","))
        if (*text)
            add_entry(world, crl, text);
    free(all);
}

static void set_dates(const struct path_line *line, X509_CRL *crl)
{
    ASN1_TIME *time = ASN1_TIME_new();
    const char *next = path_value(line, "next", "2026-08-01");

    path_set_time(time, path_value(line, "this", "2026-06-01"));
    X509_CRL_set1_lastUpdate(crl, time);
    if (*next) {
        path_set_time(time, next);
        X509_CRL_set1_nextUpdate(crl, time);
    }
    ASN1_TIME_free(time);
}

void path_make_list(struct path_world *world, const struct path_line *line)
{
    struct path_object *object = path_new(world, line);
    struct path_object *issuer = line->n >= 4 ? path_find(world, line->words[3]) : NULL;
    const char *signer = path_value(line, "signer", NULL);
    EVP_PKEY *key;
    X509_CRL *crl = X509_CRL_new();
    unsigned char *der = NULL;
    int len;

    if (!issuer || (signer && !path_find(world, signer)))
        path_stop("no such issuer or signer", line->words[1]);
    key = signer ? path_find(world, signer)->key : issuer->key;
    X509_CRL_set_version(crl, atoi(path_value(line, "version", "2")) - 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509));
    set_dates(line, crl);
    add_entries(world, line, crl);
    if (!path_value(line, "bare", NULL))
        add_extensions(world, line, issuer->x509, crl);
    if (X509_CRL_sign(crl, key, path_digest(key, path_value(line, "digest", "SHA256"))) <= 0)
        path_stop("cannot sign", object->name);
    len = i2d_X509_CRL(crl, &der);
    if (len <= 0)
        abort();
    path_octets(object, der, (size_t)len);
    OPENSSL_free(der);
    X509_CRL_free(crl);
    if (path_value(line, "broken", NULL))
        object->der[object->der_len - 1] ^= 1;
}
