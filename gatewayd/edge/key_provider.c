/*
 * The provider behind the server keys of an edge. libssl asks for a signature through digest_sign,
 * which sees the whole CertificateVerify block, so that key can check what it signs; the older
 * METHOD and ENGINE forms see a digest only. Trusts its own process; holds no secret.
 */
#include "gatewayd/edge/key_provider.h"

#include "common/macros.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <strings.h>

#define PARAM_SIGNER "gatewayd-signer" /* address of the struct key_signer */
#define PARAM_INDEX  "gatewayd-index"

enum { PUBLIC_MAX = 1024 }; /* octets of an RSA modulus of 8,192 bits */

/* What can be said of a key type and group without the key. */
static const struct form {
    const char *type, *group;
    const char *public_param;               /* that tells two keys apart */
    int bits, security_bits, signature_len; /* of RSA: from the modulus */
} forms[] = {
    {"EC", "prime256v1", OSSL_PKEY_PARAM_PUB_KEY, 256, 128, 72},
    {"EC", "secp384r1", OSSL_PKEY_PARAM_PUB_KEY, 384, 192, 104},
    {"RSA", NULL, OSSL_PKEY_PARAM_RSA_N, 0, 112, 0},
    {"ED25519", NULL, OSSL_PKEY_PARAM_PUB_KEY, 256, 128, 64},
};

struct key {
    const char *type;
    const struct form *form; /* NULL until imported */
    uint8_t public_octets[PUBLIC_MAX];
    size_t public_len;
    const struct key_signer *signer; /* NULL: a public key, imported for a comparison */
    uint32_t index;
};

struct signing {
    const struct key *key;
    uint32_t scheme;
    bool pss;
    char digest[16];
};

/* TLS SignatureSchemes by key type, group and digest (RFC 8446 4.2.3). */
static const struct {
    const char *type, *group, *digest;
    uint32_t scheme;
} schemes[] = {
    {"EC", "prime256v1", "SHA256", 0x0403}, {"EC", "secp384r1", "SHA384", 0x0503},
    {"RSA", NULL, "SHA256", 0x0804},        {"RSA", NULL, "SHA384", 0x0805},
    {"RSA", NULL, "SHA512", 0x0806},        {"ED25519", NULL, "", 0x0807},
};

/* --- keys ------------------------------------------------------------------------------------- */

static void *new_key(const char *type)
{
    struct key *key = xcalloc(1, sizeof(*key));

    key->type = type;
    return key;
}

static void *new_ec(void *provider)
{
    (void)provider;
    return new_key("EC");
}

static void *new_rsa(void *provider)
{
    (void)provider;
    return new_key("RSA");
}

static void *new_ed25519(void *provider)
{
    (void)provider;
    return new_key("ED25519");
}

static void free_key(void *keydata)
{
    free(keydata);
}

static int has(const void *keydata, int selection)
{
    const struct key *key = keydata;

    if (!key || !key->form)
        return 0;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->signer != NULL;
}

static int match(const void *keydata1, const void *keydata2, int selection)
{
    const struct key *a = keydata1, *b = keydata2;

    (void)selection;
    return a->form && a->form == b->form && a->public_len == b->public_len &&
           memcmp(a->public_octets, b->public_octets, a->public_len) == 0;
}

static const struct form *find_form(const char *type, const OSSL_PARAM params[])
{
    const OSSL_PARAM *group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
    const char *name = NULL;

    if (group && !OSSL_PARAM_get_utf8_string_ptr(group, &name))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(forms[i].type, type) == 0 &&
            (!forms[i].group || (name && strcasecmp(forms[i].group, name) == 0)))
            return &forms[i];
    return NULL;
}

static bool import_signer(struct key *key, const OSSL_PARAM params[])
{
    const OSSL_PARAM *signer = OSSL_PARAM_locate_const(params, PARAM_SIGNER);
    const OSSL_PARAM *index = OSSL_PARAM_locate_const(params, PARAM_INDEX);
    void *at = &key->signer;
    size_t len = 0;

    if (!signer)
        return true;
    return index && OSSL_PARAM_get_octet_string(signer, &at, sizeof(key->signer), &len) &&
           len == sizeof(key->signer) && OSSL_PARAM_get_uint32(index, &key->index);
}

static int import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct key *key = keydata;
    const struct form *form = find_form(key->type, params);
    const OSSL_PARAM *octets = form ? OSSL_PARAM_locate_const(params, form->public_param) : NULL;

    (void)selection;
    if (!octets || octets->data_size == 0 || octets->data_size > PUBLIC_MAX ||
        !import_signer(key, params))
        return 0;
    memcpy(key->public_octets, octets->data, octets->data_size);
    key->public_len = octets->data_size;
    key->form = form;
    return 1;
}

static const OSSL_PARAM *importable(int selection)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_octet_string(PARAM_SIGNER, NULL, 0),
        OSSL_PARAM_uint32(PARAM_INDEX, NULL),
        OSSL_PARAM_END,
    };

    (void)selection;
    return params;
}

static bool set_int(OSSL_PARAM params[], const char *name, int value)
{
    OSSL_PARAM *param = OSSL_PARAM_locate(params, name);

    return !param || OSSL_PARAM_set_int(param, value);
}

static int get_params(void *keydata, OSSL_PARAM params[])
{
    const struct key *key = keydata;
    int octets = (int)key->public_len;
    bool rsa = key->form && key->form->bits == 0;
    OSSL_PARAM *group = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);

    if (!key->form)
        return 0;
    if (group && (!key->form->group || !OSSL_PARAM_set_utf8_string(group, key->form->group)))
        return 0;
    return set_int(params, OSSL_PKEY_PARAM_BITS, rsa ? octets * 8 : key->form->bits) &&
           set_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, key->form->security_bits) &&
           set_int(params, OSSL_PKEY_PARAM_MAX_SIZE, rsa ? octets : key->form->signature_len);
}

static const OSSL_PARAM *gettable(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static const char *name_ecdsa(int operation)
{
    (void)operation;
    return "ECDSA";
}

static const char *name_rsa(int operation)
{
    (void)operation;
    return "RSA";
}

static const char *name_ed25519(int operation)
{
    (void)operation;
    return "ED25519";
}

/* --- signatures ------------------------------------------------------------------------------- */

static void *new_signing(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return xcalloc(1, sizeof(struct signing));
}

static void free_signing(void *ctx)
{
    free(ctx);
}

static bool find_scheme(struct signing *signing, const struct form *form)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (strcmp(schemes[i].type, form->type) != 0 ||
            strcasecmp(schemes[i].digest, signing->digest) != 0 ||
            (schemes[i].group && strcmp(schemes[i].group, form->group) != 0))
            continue;
        signing->scheme = schemes[i].scheme;
        return true;
    }
    return false;
}

/* "SHA2-256" is "SHA256". */
static bool set_digest(struct signing *signing, const char *name)
{
    static const char *const twins[][2] = {
        {"SHA2-256", "SHA256"}, {"SHA2-384", "SHA384"}, {"SHA2-512", "SHA512"}};
    size_t len;

    for (size_t i = 0; name && i < ARRAY_LEN(twins); i++)
        if (strcasecmp(name, twins[i][0]) == 0)
            name = twins[i][1];
    len = name ? strlen(name) : 0;
    if (len >= sizeof(signing->digest))
        return false;
    memcpy(signing->digest, name ? name : "", len + 1);
    return true;
}

static int set_signing_params(void *ctx, const OSSL_PARAM params[])
{
    struct signing *signing = ctx;
    const OSSL_PARAM *mode =
        params ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE) : NULL;
    const char *text;
    int number;

    if (!mode)
        return 1; /* the salt length follows from the scheme */
    if (mode->data_type == OSSL_PARAM_UTF8_STRING)
        signing->pss = OSSL_PARAM_get_utf8_string_ptr(mode, &text) &&
                       strcmp(text, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
    else
        signing->pss = OSSL_PARAM_get_int(mode, &number) && number == RSA_PKCS1_PSS_PADDING;
    return signing->pss;
}

static int digest_sign_init(void *ctx, const char *digest, void *keydata, const OSSL_PARAM params[])
{
    struct signing *signing = ctx;

    if (keydata)
        signing->key = keydata;
    if (!signing->key || !signing->key->signer || !set_digest(signing, digest))
        return 0;
    return find_scheme(signing, signing->key->form) && set_signing_params(ctx, params);
}

static int digest_sign(void *ctx, unsigned char *signature, size_t *len, size_t room,
                       const unsigned char *content, size_t content_len)
{
    const struct signing *signing = ctx;
    const struct key *key = signing->key;
    bool rsa = key->form->bits == 0;

    if (rsa && !signing->pss)
        return 0;
    if (!signature) { /* libssl asks for the length first */
        *len = rsa ? key->public_len : (size_t)key->form->signature_len;
        return 1;
    }
    return key->signer->sign(key->signer->context, key->index, signing->scheme,
                             (struct bytes){content, content_len}, signature, room, len);
}

static const OSSL_PARAM *settable_signing(void *ctx, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provider;
    return params;
}

/* --- what OpenSSL sees ------------------------------------------------------------------------ */

typedef void (*any_function)(void); /* the form that OSSL_DISPATCH wants */

#define CALL(id, function)                                                                         \
    {                                                                                              \
        id, (any_function)(function)                                                               \
    }
#define KEYMGMT(new_function)                                                                      \
    CALL(OSSL_FUNC_KEYMGMT_NEW, new_function), CALL(OSSL_FUNC_KEYMGMT_FREE, free_key),             \
        CALL(OSSL_FUNC_KEYMGMT_HAS, has), CALL(OSSL_FUNC_KEYMGMT_MATCH, match),                    \
        CALL(OSSL_FUNC_KEYMGMT_IMPORT, import), CALL(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, importable),  \
        CALL(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params),                                            \
        CALL(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable)

static const OSSL_DISPATCH keymgmt_ec[] = {
    KEYMGMT(new_ec), CALL(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, name_ecdsa), {0, NULL}};
static const OSSL_DISPATCH keymgmt_rsa[] = {
    KEYMGMT(new_rsa), CALL(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, name_rsa), {0, NULL}};
static const OSSL_DISPATCH keymgmt_ed25519[] = {
    KEYMGMT(new_ed25519), CALL(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, name_ed25519), {0, NULL}};

static const OSSL_DISPATCH signature[] = {
    CALL(OSSL_FUNC_SIGNATURE_NEWCTX, new_signing),
    CALL(OSSL_FUNC_SIGNATURE_FREECTX, free_signing),
    CALL(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),
    CALL(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, digest_sign),
    CALL(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_signing_params),
    CALL(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, settable_signing),
    {0, NULL},
};

#define PROPERTIES "provider=gatewayd"
#define EC         "EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, keymgmt_ec, NULL
#define RSA_       "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, keymgmt_rsa, NULL
#define ED25519    "ED25519:1.3.101.112", PROPERTIES, keymgmt_ed25519, NULL
static const OSSL_ALGORITHM keymgmts[] = {{EC}, {RSA_}, {ED25519}, {NULL, NULL, NULL, NULL}};

/*
 * Beside direct_keys.h. By a first name that it has a number for, libcrypto would look for an
 * ENGINE before it looks for us, and find that one; for Ed25519 there is none. (Without it the
 * first name has to be the one of the default provider's keys, or X509_check_private_key fails.)
 */
#define OWN_NAME "gatewayd-"
static const OSSL_ALGORITHM direct_keymgmts[] = {
    {OWN_NAME "EC:" EC}, {OWN_NAME "RSA:" RSA_}, {ED25519}, {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM signatures[] = {
    {"ECDSA", PROPERTIES, signature, NULL},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, signature, NULL},
    {"ED25519:1.3.101.112", PROPERTIES, signature, NULL},
    {NULL, NULL, NULL, NULL},
};

/* context: which keymgmts. */
static const OSSL_ALGORITHM *query(void *context, int operation, int *ret_no_cache)
{
    *ret_no_cache = 0;
    return operation == OSSL_OP_KEYMGMT     ? context
           : operation == OSSL_OP_SIGNATURE ? signatures
                                            : NULL;
}

static const OSSL_DISPATCH provider_calls[] = {CALL(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
                                               {0, NULL}};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **ret_calls, void **ret_context)
{
    (void)handle;
    (void)in;
    *ret_calls = provider_calls;
    *ret_context = (void *)(uintptr_t)keymgmts;
    return 1;
}

static int direct_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                                const OSSL_DISPATCH **ret_calls, void **ret_context)
{
    (void)handle;
    (void)in;
    *ret_calls = provider_calls;
    *ret_context = (void *)(uintptr_t)direct_keymgmts;
    return 1;
}

struct key_provider {
    OSSL_LIB_CTX *library;
    OSSL_PROVIDER *provider;
    bool direct;
};

bool key_provider_new(bool direct, struct key_provider **ret_provider, struct error *err)
{
    struct key_provider *provider = xcalloc(1, sizeof(*provider));

    provider->direct = direct;
    provider->library = OSSL_LIB_CTX_new();
    if (provider->library &&
        OSSL_PROVIDER_add_builtin(provider->library, "gatewayd",
                                  direct ? direct_provider_init : provider_init) == 1)
        provider->provider = OSSL_PROVIDER_load(provider->library, "gatewayd");
    if (provider->provider) {
        *ret_provider = provider;
        return true;
    }
    key_provider_free(provider);
    return err_set(err, REASON_CRYPTO, "the provider of the server keys");
}

struct key_provider *key_provider_free(struct key_provider *provider)
{
    if (!provider)
        return NULL;
    if (provider->provider)
        (void)OSSL_PROVIDER_unload(provider->provider);
    OSSL_LIB_CTX_free(provider->library);
    free(provider);
    return NULL;
}

/* The name by which a key of that kind is made. */
static const char *make_name(const struct key_provider *provider, const EVP_PKEY *public_key)
{
    if (EVP_PKEY_is_a(public_key, "EC"))
        return provider->direct ? OWN_NAME "EC" : "EC";
    if (EVP_PKEY_is_a(public_key, "RSA"))
        return provider->direct ? OWN_NAME "RSA" : "RSA";
    return EVP_PKEY_is_a(public_key, "ED25519") ? "ED25519" : NULL;
}

static EVP_PKEY *make_key(struct key_provider *provider, const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(provider->library, type, NULL);
    EVP_PKEY *key = NULL;

    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

bool key_provider_key(struct key_provider *provider, EVP_PKEY *public_key,
                      const struct key_signer *signer, uint32_t index, EVP_PKEY **ret_key,
                      struct error *err)
{
    OSSL_PARAM own[] = {
        OSSL_PARAM_octet_string(PARAM_SIGNER, &signer, sizeof(signer)),
        OSSL_PARAM_uint32(PARAM_INDEX, &index),
        OSSL_PARAM_END,
    };
    const char *type = make_name(provider, public_key);
    OSSL_PARAM *exported = NULL, *all = NULL;
    EVP_PKEY *key = NULL;

    if (type && EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &exported) == 1)
        all = OSSL_PARAM_merge(exported, own);
    if (all)
        key = make_key(provider, type, all);
    OSSL_PARAM_free(all);
    OSSL_PARAM_free(exported);
    ERR_clear_error();
    if (!key)
        return err_set(err, REASON_CONFIG_VALUE,
                       "a server key must be RSA, EC P-256, EC P-384 or Ed25519");
    *ret_key = key;
    return true;
}
