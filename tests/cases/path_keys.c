/*
 * Keys of the path cases: each kind by its name, made once and used again by the next case.
 */
#include "tests/cases/path_maker.h"

#include "common/macros.h"

#include <openssl/core_names.h>
#include <openssl/dsa.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 8 }; /* of one kind in one case */

static EVP_PKEY *of_curve(const char *curve)
{
    return EVP_EC_gen(curve);
}

static EVP_PKEY *explicit_curve(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    if (!EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"))
        path_stop("no explicit parameters", curve);
    return key;
}

static EVP_PKEY *of_rsa(const char *bits)
{
    return EVP_RSA_gen((unsigned)atoi(bits));
}

static EVP_PKEY *of_pss(const char *bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *key = NULL;

    if (EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, atoi(bits)) != 1 ||
        EVP_PKEY_generate(ctx, &key) != 1)
        path_stop("no RSASSA-PSS key", bits);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *by_name(const char *name)
{
    return EVP_PKEY_Q_keygen(NULL, NULL, name);
}

/* An RSA key with an exponent that nobody would generate: only its public half exists. */
static EVP_PKEY *rsa_with_exponent(const char *exponent)
{
    EVP_PKEY *real = EVP_RSA_gen(2048), *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *n = NULL, *e = BN_new();
    OSSL_PARAM *params;

    BN_set_word(e, (BN_ULONG)atoi(exponent));
    EVP_PKEY_get_bn_param(real, OSSL_PKEY_PARAM_RSA_N, &n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    params = OSSL_PARAM_BLD_to_param(build);
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        path_stop("no RSA key with exponent", exponent);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(real);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *of_dsa(const char *bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    EVP_PKEY *params = NULL, *key = NULL;

    if (EVP_PKEY_paramgen_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, atoi(bits)) != 1 ||
        EVP_PKEY_paramgen(ctx, &params) != 1)
        path_stop("no DSA parameters", bits);
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new(params, NULL);
    if (EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_keygen(ctx, &key) != 1)
        path_stop("no DSA key", bits);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(params);
    return key;
}

static const struct {
    const char *name;
    EVP_PKEY *(*make)(const char *);
    const char *how;
} kinds[] = {
    {"p256", of_curve, "P-256"},
    {"p384", of_curve, "P-384"},
    {"p521", of_curve, "P-521"},
    {"p224", of_curve, "P-224"},
    {"secp256k1", of_curve, "secp256k1"},
    {"brainpool256", of_curve, "brainpoolP256r1"},
    {"explicit256", explicit_curve, "P-256"},
    {"ed25519", by_name, "ED25519"},
    {"ed448", by_name, "ED448"},
    {"x25519", by_name, "X25519"},
    {"rsa1024", of_rsa, "1024"},
    {"rsa2040", of_rsa, "2040"},
    {"rsa2047", of_rsa, "2047"},
    {"rsa2048", of_rsa, "2048"},
    {"rsa2050", of_rsa, "2050"},
    {"rsa3072", of_rsa, "3072"},
    {"pss2048", of_pss, "2048"},
    {"rsa-e1", rsa_with_exponent, "1"},
    {"rsa-e2", rsa_with_exponent, "2"},
    {"rsa-e3", rsa_with_exponent, "3"},
    {"rsa-e65536", rsa_with_exponent, "65536"},
    {"dsa", of_dsa, "1024"},
};

_Static_assert(ARRAY_LEN(kinds) <= PATH_KEY_KINDS_MAX, "path_world counts each kind");

EVP_PKEY *path_key(struct path_world *world, const char *kind)
{
    static EVP_PKEY *pool[PATH_KEY_KINDS_MAX][KEYS_MAX];

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t nth = world->n_keys[i];

        if (strcmp(kinds[i].name, kind) != 0)
            continue;
        if (nth == KEYS_MAX)
            path_stop("too many keys of kind", kind);
        if (!pool[i][nth])
            pool[i][nth] = kinds[i].make(kinds[i].how);
        if (!pool[i][nth])
            path_stop("no key of kind", kind);
        world->n_keys[i]++;
        return pool[i][nth];
    }
    path_stop("unknown kind of key", kind);
}
