/*
 * Certificates of the path cases. Defaults are those of a good certificate, so that a line says
 * only what is special; what OpenSSL would not write is changed in the octets, signed again.
 */
#include "tests/cases/path_maker.h"

#include "common/macros.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DER_MAX = 16384, SEQUENCE = 0x30 };

struct der {
    uint8_t at[DER_MAX];
    size_t len;
};

static const struct {
    const char *word, *extension, *of_ca, *of_leaf;
} extensions[] = {
    {"basic", "basicConstraints", "critical,CA:TRUE", ""},
    {"usage", "keyUsage", "critical,keyCertSign,cRLSign", "critical,digitalSignature"},
    {"eku", "extendedKeyUsage", "", "clientAuth"},
    {"ski", "subjectKeyIdentifier", "hash", "hash"},
    {"aki", "authorityKeyIdentifier", "keyid", "keyid"},
    {"san", "subjectAltName", "", ""},
    {"names", "nameConstraints", "", ""},
    {"policy", "certificatePolicies", "", ""},
    {"mappings", "policyMappings", "", ""},
    {"constraints", "policyConstraints", "", ""},
    {"inhibit", "inhibitAnyPolicy", "", ""},
    {"cdp", "crlDistributionPoints", "", ""},
};

static void add_extension(X509 *x509, X509_EXTENSION *extension)
{
    if (extension && X509_add_ext(x509, extension, -1) != 1)
        abort();
    X509_EXTENSION_free(extension);
}

static void add_extensions(const struct path_world *world, const struct path_line *line,
                           X509 *issuer, X509 *x509)
{
    bool is_ca = strcmp(line->words[0], "ca") == 0, is_root = issuer == x509;
    const char *more;

    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        const char *fallback = is_ca ? extensions[i].of_ca : extensions[i].of_leaf;

        if (is_root && strcmp(extensions[i].word, "aki") == 0)
            fallback = "";
        add_extension(x509, path_extension(world, issuer, x509, extensions[i].extension,
                                           path_value(line, extensions[i].word, fallback)));
    }
    /* ext=OID:VALUE, as often as wanted; the same one twice too. */
    for (size_t i = 0; (more = path_value_at(line, "ext", i)); i++) {
        char oid[64];
        size_t len = strcspn(more, ":");

        if (len >= sizeof(oid) || !more[len])
            path_stop("no extension", more);
        memcpy(oid, more, len);
        oid[len] = '\0';
        add_extension(x509, path_extension(world, issuer, x509, oid, more + len + 1));
    }
}

static void set_serial(struct path_world *world, const struct path_line *line, X509 *x509)
{
    const char *text = path_value(line, "serial", NULL);
    BIGNUM *number = NULL;
    bool good;

    if (!text) {
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), 1000 + world->serial++);
        return;
    }
    good = BN_hex2bn(&number, text) > 0 && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
    BN_free(number);
    if (!good)
        path_stop("no serial number", text);
}

static int string_type(const struct path_line *line)
{
    const char *type = path_value(line, "strings", "utf8");

    if (strcmp(type, "printable") == 0)
        return V_ASN1_PRINTABLESTRING;
    return strcmp(type, "t61") == 0 ? V_ASN1_T61STRING : V_ASN1_UTF8STRING;
}

static void set_names(const struct path_line *line, X509 *issuer, X509 *x509)
{
    char own[128];
    X509_NAME *name;
    const char *other = path_value(line, "issuer", NULL);

    (void)snprintf(own, sizeof(own), "/O=Cases/CN=%s", line->words[1]);
    name = path_name(path_value(line, "subject", own), string_type(line));
    X509_set_subject_name(x509, name);
    X509_NAME_free(name);
    name =
        other ? path_name(other, string_type(line)) : X509_NAME_dup(X509_get_subject_name(issuer));
    X509_set_issuer_name(x509, name);
    X509_NAME_free(name);
}

/* --- octets ----------------------------------------------------------------------------------- */

static void put(struct der *der, const uint8_t *at, size_t len)
{
    if (len > DER_MAX - der->len)
        path_stop("a certificate is too long", "");
    memcpy(der->at + der->len, at, len);
    der->len += len;
}

static void put_sequence(struct der *der, const struct der *content)
{
    const uint8_t header[] = {SEQUENCE, 0x82, (uint8_t)(content->len >> 8), (uint8_t)content->len};

    put(der, header, sizeof(header));
    put(der, content->at, content->len);
}

/* Splits the content of a SEQUENCE into its elements, each with its header. */
static size_t elements(const uint8_t *der, size_t len, struct bytes *ret_all, size_t max)
{
    const unsigned char *at = der;
    long content_len;
    int tag, class;
    size_t n = 0;
    const unsigned char *end;

    (void)ASN1_get_object(&at, &content_len, &tag, &class, (long)len);
    end = at + content_len;
    while (at < end && n < max) {
        const unsigned char *begin = at;

        (void)ASN1_get_object(&at, &content_len, &tag, &class, (long)(end - at));
        at += content_len;
        ret_all[n++] = (struct bytes){begin, (size_t)(at - begin)};
    }
    return n;
}

/* tbs=FROM/TO: octets in hex, of the same length, that are replaced once. */
static void replace(struct der *tbs, const char *change)
{
    char *copy = strdup(change), *to = strchr(copy, '/');
    long from_len, to_len;
    uint8_t *from, *with, *found;

    if (!to)
        path_stop("no change", change);
    *to++ = '\0';
    from = OPENSSL_hexstr2buf(copy, &from_len);
    with = OPENSSL_hexstr2buf(to, &to_len);
    if (!from || !with || from_len != to_len)
        path_stop("no change", change);
    found = memmem(tbs->at, tbs->len, from, (size_t)from_len);
    if (!found)
        path_stop("not in the certificate", change);
    memcpy(found, with, (size_t)to_len);
    OPENSSL_free(from);
    OPENSSL_free(with);
    free(copy);
}

/* issuerUniqueID [1] stands before the extensions [3] (RFC 5280 4.1.2.8). */
static void add_unique_id(struct der *tbs)
{
    static const uint8_t id[] = {0x81, 2, 0, 7};
    struct bytes parts[16];
    struct der content = {.len = 0}, whole = {.len = 0};
    size_t n = elements(tbs->at, tbs->len, parts, ARRAY_LEN(parts));

    for (size_t i = 0; i < n; i++) {
        if (parts[i].at[0] == 0xa3)
            put(&content, id, sizeof(id));
        put(&content, parts[i].at, parts[i].len);
    }
    put_sequence(&whole, &content);
    *tbs = whole;
}

static void put_signature(struct der *out, const struct der *tbs, EVP_PKEY *key,
                          const EVP_MD *digest)
{
    struct der bits = {.len = 0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t signature[1024];
    size_t len = sizeof(signature);

    if (EVP_DigestSignInit(ctx, NULL, digest, NULL, key) != 1 ||
        EVP_DigestSign(ctx, signature, &len, tbs->at, tbs->len) != 1)
        path_stop("cannot sign", "");
    EVP_MD_CTX_free(ctx);
    put(&bits,
        (const uint8_t[]){V_ASN1_BIT_STRING, 0x82, (uint8_t)((len + 1) >> 8), (uint8_t)(len + 1),
                          0},
        5);
    put(&bits, signature, len);
    put(out, bits.at, bits.len);
}

static void put_algorithm(struct der *out, const char *name)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();
    unsigned char *der = NULL;
    int len;

    X509_ALGOR_set0(algorithm, OBJ_txt2obj(name, 0), V_ASN1_UNDEF, NULL);
    len = i2d_X509_ALGOR(algorithm, &der);
    if (len <= 0)
        path_stop("no algorithm", name);
    put(out, der, (size_t)len);
    OPENSSL_free(der);
    X509_ALGOR_free(algorithm);
}

/* Changes what the line asks for and signs again. */
static void change(const struct path_line *line, EVP_PKEY *key, const EVP_MD *digest,
                   struct path_object *object)
{
    const char *outer = path_value(line, "outer", NULL), *edit;
    struct der tbs = {.len = 0}, content = {.len = 0}, whole = {.len = 0};
    struct bytes parts[3];

    if (elements(object->der, object->der_len, parts, 3) != 3)
        abort();
    put(&tbs, parts[0].at, parts[0].len);
    for (size_t i = 0; (edit = path_value_at(line, "tbs", i)); i++)
        replace(&tbs, edit);
    if (path_value(line, "uid", NULL))
        add_unique_id(&tbs);
    put(&content, tbs.at, tbs.len);
    if (outer)
        put_algorithm(&content, outer);
    else
        put(&content, parts[1].at, parts[1].len);
    put_signature(&content, &tbs, key, digest);
    put_sequence(&whole, &content);
    free(object->der);
    path_octets(object, whole.at, whole.len);
}

/* --- one -------------------------------------------------------------------------------------- */

static bool wants_change(const struct path_line *line)
{
    return path_value(line, "tbs", NULL) || path_value(line, "uid", NULL) ||
           path_value(line, "outer", NULL);
}

static void finish(const struct path_line *line, EVP_PKEY *key, struct path_object *object)
{
    const EVP_MD *digest = path_digest(key, path_value(line, "digest", "SHA256"));
    unsigned char *der = NULL;
    int len;

    if (X509_sign(object->x509, key, digest) <= 0)
        path_stop("cannot sign", object->name);
    len = i2d_X509(object->x509, &der);
    if (len <= 0)
        abort();
    path_octets(object, der, (size_t)len);
    OPENSSL_free(der);
    if (wants_change(line))
        change(line, key, digest, object);
    if (path_value(line, "broken", NULL))
        object->der[object->der_len - 1] ^= 1;
}

void path_make_certificate(struct path_world *world, const struct path_line *line)
{
    struct path_object *object = path_new(world, line);
    bool is_root = line->n < 4 || strcmp(line->words[2], "<") != 0;
    struct path_object *issuer = is_root ? object : path_find(world, line->words[3]);
    const char *same = path_value(line, "keyof", NULL), *signer = path_value(line, "signer", NULL);
    const struct path_object *twin = same ? path_find(world, same) : NULL;
    X509 *x509 = X509_new();

    if (!issuer || (same && !twin))
        path_stop("no such issuer or key", line->words[1]);
    object->is_root = is_root;
    object->x509 = x509;
    object->key = twin ? twin->key : path_key(world, path_value(line, "key", "p256"));
    X509_set_version(x509, atoi(path_value(line, "version", "3")) - 1);
    set_serial(world, line, x509);
    set_names(line, issuer->x509, x509);
    path_set_time(X509_getm_notBefore(x509), path_value(line, "from", "2026-01-01"));
    path_set_time(X509_getm_notAfter(x509), path_value(line, "to", "2027-01-01"));
    if (X509_set_pubkey(x509, object->key) != 1)
        path_stop("no public key", object->name);
    if (!path_value(line, "bare", NULL))
        add_extensions(world, line, issuer->x509, x509);
    if (signer && !path_find(world, signer))
        path_stop("no such signer", signer);
    finish(line, signer ? path_find(world, signer)->key : issuer->key, object);
}
