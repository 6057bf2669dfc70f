/*
 * What the certificates and revocation lists of the private CA look like (RFC 5280). Runs in
 * gatewayctl; names come from the command line of its owner and are set as values, never parsed as
 * OpenSSL configuration text.
 */
#include "cli/ca.h"

#include "common/clock.h"
#include "common/text.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400, RSA_BITS = 3072 };

/* Microsoft's user principal name, an otherName. */
static const char upn_oid[] = "1.3.6.1.4.1.311.20.2.3";

bool ca_openssl_error(struct error *err, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(err, REASON_CRYPTO, "%s: %s", what, text ? text : "failed");
}

bool ca_key_make(const char *type, EVP_PKEY **ret_key, struct error *err)
{
    EVP_PKEY *key = NULL;

    if (strcmp(type, "ec-p256") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    else if (strcmp(type, "ec-p384") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    else if (strcmp(type, "rsa-3072") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
    else if (strcmp(type, "ed25519") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        return err_set(err, REASON_USAGE, "key type %s: ec-p256, ec-p384, rsa-3072 or ed25519",
                       type);
    if (!key)
        return ca_openssl_error(err, "key");
    *ret_key = key;
    return true;
}

/* --- parts ------------------------------------------------------------------------------------ */

static bool set_serial(X509 *certificate)
{
    uint8_t octets[CA_SERIAL_LEN];
    BIGNUM *number;
    bool good;

    if (RAND_bytes(octets, sizeof(octets)) != 1)
        return false;
    octets[0] = (uint8_t)((octets[0] & 0x7f) | 0x40); /* positive, and always of the same length */
    number = BN_bin2bn(octets, sizeof(octets), NULL);
    good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return good;
}

bool ca_serial_text(const X509 *certificate, char out[CA_SERIAL_TEXT_MAX + 1], struct error *err)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    size_t len = (size_t)ASN1_STRING_length(serial);
    char hex[CA_SERIAL_TEXT_MAX + 1];
    const char *at = hex;

    if (len == 0 || len > sizeof(hex) / 2)
        return err_set(err, REASON_CERT_MALFORMED, "serial number of %zu octets", len);
    text_hex((struct bytes){ASN1_STRING_get0_data(serial), len}, hex);
    while (at[0] == '0' && at[1])
        at++;
    (void)snprintf(out, CA_SERIAL_TEXT_MAX + 1, "%s", at);
    return true;
}

static bool set_times(X509 *certificate, int64_t not_before_s, int64_t not_after_s)
{
    return ASN1_TIME_adj(X509_getm_notBefore(certificate), (time_t)not_before_s, 0, 0) &&
           ASN1_TIME_adj(X509_getm_notAfter(certificate), (time_t)not_after_s, 0, 0);
}

static bool set_cn(X509_NAME *name, const char *cn)
{
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const uint8_t *)cn, -1,
                                      -1, 0) == 1;
}

/* Extensions whose text is ours. */
static bool add_fixed(X509 *certificate, X509 *issuer, int nid, const char *text)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool good;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, text);
    good = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static GENERAL_NAME *other_name(const char *oid, const char *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_TYPE *type = ASN1_TYPE_new();
    ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();

    if (!name || !object || !type || !text || !ASN1_STRING_set(text, value, -1)) {
        GENERAL_NAME_free(name);
        ASN1_OBJECT_free(object);
        ASN1_TYPE_free(type);
        ASN1_UTF8STRING_free(text);
        return NULL;
    }
    ASN1_TYPE_set(type, V_ASN1_UTF8STRING, text);
    if (GENERAL_NAME_set0_othername(name, object, type) == 1)
        return name;
    GENERAL_NAME_free(name);
    return NULL;
}

static GENERAL_NAME *plain_name(int kind, const char *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    if (!name || !text || !ASN1_STRING_set(text, value, -1)) {
        GENERAL_NAME_free(name);
        ASN1_IA5STRING_free(text);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, kind, text);
    return name;
}

static GENERAL_NAME *address_name(const char *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *octets = a2i_IPADDRESS(value);

    if (!name || !octets) {
        GENERAL_NAME_free(name);
        ASN1_OCTET_STRING_free(octets);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, octets);
    return name;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static GENERAL_NAME *general_name(int kind, const char *value)
{
    if (kind == GEN_OTHERNAME)
        return text_is_clean(bytes_of(value)) ? other_name(upn_oid, value) : NULL;
    if (!value[0] || !is_ascii(value))
        return NULL;
    return kind == GEN_IPADD ? address_name(value) : plain_name(kind, value);
}

static bool add_names(GENERAL_NAMES *names, int kind, const struct option_texts *values,
                      struct error *err)
{
    for (size_t i = 0; i < values->n; i++) {
        GENERAL_NAME *name = general_name(kind, values->at[i]);

        if (!name || sk_GENERAL_NAME_push(names, name) == 0) {
            GENERAL_NAME_free(name);
            ERR_clear_error();
            return err_set(err, REASON_USAGE, "\"%s\" cannot be an alternative name of this kind",
                           values->at[i]);
        }
    }
    return true;
}

static void names_freep(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

static bool add_san(X509 *certificate, const struct ca_request *request, struct error *err)
{
    AUTO(names_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();

    if (!names)
        return err_set(err, REASON_NO_MEMORY, "alternative names");
    if (!add_names(names, GEN_EMAIL, &request->email, err) ||
        !add_names(names, GEN_DNS, &request->dns, err) ||
        !add_names(names, GEN_URI, &request->uri, err) ||
        !add_names(names, GEN_IPADD, &request->ip, err) ||
        !add_names(names, GEN_OTHERNAME, &request->upn, err))
        return false;
    if (sk_GENERAL_NAME_num(names) > 0 &&
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
        return ca_openssl_error(err, "alternative names");
    return true;
}

static const EVP_MD *digest_for(EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

/* --- whole certificates ----------------------------------------------------------------------- */

bool ca_build_root(EVP_PKEY *key, const char *name, int64_t days, X509 **ret_certificate,
                   struct error *err)
{
    AUTO(x509_freep) X509 *root = X509_new();
    int64_t now_s = clock_realtime_s();

    if (!root || X509_set_version(root, X509_VERSION_3) != 1 || !set_serial(root) ||
        !set_times(root, now_s, now_s + days * DAY_S))
        return ca_openssl_error(err, "certificate");
    if (!text_is_clean(bytes_of(name)) || !set_cn(X509_get_subject_name(root), name))
        return err_set(err, REASON_USAGE, "--name: 1 to 64 printable characters");
    if (X509_set_issuer_name(root, X509_get_subject_name(root)) != 1 ||
        X509_set_pubkey(root, key) != 1 ||
        !add_fixed(root, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_fixed(root, root, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_fixed(root, root, NID_subject_key_identifier, "hash") ||
        !add_fixed(root, root, NID_authority_key_identifier, "keyid:always") ||
        X509_sign(root, key, digest_for(key)) == 0)
        return ca_openssl_error(err, "certificate");
    *ret_certificate = STEAL(root);
    return true;
}

static bool add_leaf_extensions(const struct ca *ca, const struct ca_request *request, X509 *leaf)
{
    static const char *const eku[] = {[CA_CLIENT] = "clientAuth", [CA_SERVER] = "serverAuth"};

    return add_fixed(leaf, ca->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_fixed(leaf, ca->certificate, NID_key_usage, "critical,digitalSignature") &&
           (request->use == CA_NO_EKU ||
            add_fixed(leaf, ca->certificate, NID_ext_key_usage, eku[request->use])) &&
           add_fixed(leaf, ca->certificate, NID_subject_key_identifier, "hash") &&
           add_fixed(leaf, ca->certificate, NID_authority_key_identifier, "keyid:always");
}

bool ca_build_leaf(const struct ca *ca, const struct ca_request *request, EVP_PKEY *key,
                   X509 **ret_certificate, struct error *err)
{
    AUTO(x509_freep) X509 *leaf = X509_new();

    if (!leaf || X509_set_version(leaf, X509_VERSION_3) != 1 || !set_serial(leaf) ||
        !set_times(leaf, request->not_before_s, request->not_after_s) ||
        X509_set_issuer_name(leaf, X509_get_subject_name(ca->certificate)) != 1 ||
        X509_set_pubkey(leaf, key) != 1)
        return ca_openssl_error(err, "certificate");
    if (!text_is_clean(bytes_of(request->cn)) || !set_cn(X509_get_subject_name(leaf), request->cn))
        return err_set(err, REASON_USAGE, "--cn: 1 to 64 printable characters");
    if (!add_leaf_extensions(ca, request, leaf))
        return ca_openssl_error(err, "certificate");
    if (!add_san(leaf, request, err))
        return false;
    if (X509_sign(leaf, ca->key, digest_for(ca->key)) == 0)
        return ca_openssl_error(err, "signature");
    *ret_certificate = STEAL(leaf);
    return true;
}

/* --- the revocation list ---------------------------------------------------------------------- */

static void revoked_freep(X509_REVOKED **revoked)
{
    X509_REVOKED_free(*revoked);
}

static bool add_revoked(X509_CRL *crl, const struct ca_entry *entry)
{
    AUTO(revoked_freep) X509_REVOKED *revoked = X509_REVOKED_new();
    BIGNUM *number = NULL;
    ASN1_INTEGER *serial = NULL;
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)entry->revoked_s);
    bool good = revoked && when && BN_hex2bn(&number, entry->serial) > 0 &&
                (serial = BN_to_ASN1_INTEGER(number, NULL)) != NULL &&
                X509_REVOKED_set_serialNumber(revoked, serial) == 1 &&
                X509_REVOKED_set_revocationDate(revoked, when) == 1 &&
                X509_CRL_add0_revoked(crl, revoked) == 1;

    if (good)
        revoked = NULL;
    BN_free(number);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(when);
    return good;
}

static bool add_crl_extensions(const struct ca *ca, X509_CRL *crl)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509V3_CTX context;
    X509_EXTENSION *key_id;
    bool good = number && ASN1_INTEGER_set_uint64(number, ca->index.crl_number) == 1 &&
                X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) == 1;

    ASN1_INTEGER_free(number);
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, ca->certificate, NULL, NULL, crl, 0);
    key_id = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    good = good && key_id && X509_CRL_add_ext(crl, key_id, -1) == 1;
    X509_EXTENSION_free(key_id);
    return good;
}

static bool set_update_times(X509_CRL *crl, int64_t days)
{
    int64_t now_s = clock_realtime_s();
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)now_s);
    ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)(now_s + days * DAY_S));
    bool good = now && next && X509_CRL_set1_lastUpdate(crl, now) == 1 &&
                X509_CRL_set1_nextUpdate(crl, next) == 1;

    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    return good;
}

bool ca_build_crl(const struct ca *ca, int64_t days, X509_CRL **ret_crl, struct error *err)
{
    AUTO(x509_crl_freep) X509_CRL *crl = X509_CRL_new();

    if (!crl || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)) != 1 ||
        !set_update_times(crl, days))
        return ca_openssl_error(err, "revocation list");
    for (size_t i = 0; i < ca->index.n; i++)
        if (ca->index.entries[i].revoked_s > 0 && !add_revoked(crl, &ca->index.entries[i]))
            return ca_openssl_error(err, "revocation list");
    if (!add_crl_extensions(ca, crl) || X509_CRL_sort(crl) != 1 ||
        X509_CRL_sign(crl, ca->key, digest_for(ca->key)) == 0)
        return ca_openssl_error(err, "revocation list");
    *ret_crl = STEAL(crl);
    return true;
}
