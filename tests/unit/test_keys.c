/* What key signs: one kind of block, with the schemes that fit; everything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/key/keys.h"
#include "tests/unit/pki.h"

#define SPACES16 "                "
#define SPACES64 SPACES16 SPACES16 SPACES16 SPACES16
#define SERVER   "TLS 1.3, server CertificateVerify\0"
#define HASH32   "0123456789abcdef0123456789abcdef"
#define HASH48   HASH32 "0123456789abcdef"
#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const struct {
    const char *name;
    struct bytes content;
    bool good;
} blocks[] = {
    {"SHA-256", B(SPACES64 SERVER HASH32), true},
    {"SHA-384", B(SPACES64 SERVER HASH48), true},
    {"nothing", B(""), false},
    {"no hash", B(SPACES64 SERVER), false},
    {"a hash of 31", B(SPACES64 SERVER "0123456789abcdef0123456789abcde"), false},
    {"a hash of 33", B(SPACES64 SERVER HASH32 "x"), false},
    {"a hash of 64", B(SPACES64 SERVER HASH32 HASH32), false},
    {"of a client", B(SPACES64 "TLS 1.3, client CertificateVerify\0" HASH32), false},
    {"an exporter", B(SPACES64 "TLS 1.3, Exporter CertificateVerify\0" HASH32), false},
    {"no NUL", B(SPACES64 "TLS 1.3, server CertificateVerify" HASH32), false},
    {"a space instead of the NUL", B(SPACES64 "TLS 1.3, server CertificateVerify " HASH32), false},
    {"63 spaces", B(SPACES16 SPACES16 SPACES16 "               " SERVER HASH32), false},
    {"65 spaces", B(SPACES64 " " SERVER HASH32), false},
    {"a tab among the spaces", B(SPACES16 SPACES16 SPACES16 "\t               " SERVER HASH32),
     false},
    {"a digest alone", B(HASH32), false},
    {"a certificate request", B("\x30\x82\x01\x00"), false},
};

static void test_blocks(void **state)
{
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (certificate_verify_check(blocks[i].content, &err) != blocks[i].good)
            fail_msg("%s", blocks[i].name);
}

enum { KEY_P256, KEY_P384, KEY_RSA, KEY_ED25519, KEY_COUNT };

static EVP_PKEY *all[KEY_COUNT];

static struct keys *make_keys(void)
{
    struct keys *keys = keys_new();
    struct error err;

    all[KEY_P256] = EVP_EC_gen("P-256");
    all[KEY_P384] = EVP_EC_gen("P-384");
    all[KEY_RSA] = EVP_RSA_gen(2048);
    all[KEY_ED25519] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        struct bytes pem = pki_key_pem(all[i]);

        assert_true(keys_add(keys, i, pem, &err));
        free((void *)pem.at);
    }
    assert_int_equal(keys_count(keys), KEY_COUNT);
    return keys;
}

static const struct {
    uint32_t key, scheme;
    const char *digest; /* NULL: the scheme does not fit the key */
} pairs[] = {
    {KEY_P256, SCHEME_ECDSA_P256_SHA256, "SHA256"},
    {KEY_P384, SCHEME_ECDSA_P384_SHA384, "SHA384"},
    {KEY_RSA, SCHEME_RSA_PSS_SHA256, "SHA256"},
    {KEY_RSA, SCHEME_RSA_PSS_SHA384, "SHA384"},
    {KEY_RSA, SCHEME_RSA_PSS_SHA512, "SHA512"},
    {KEY_ED25519, SCHEME_ED25519, ""},
    {KEY_P256, SCHEME_ECDSA_P384_SHA384, NULL},
    {KEY_P384, SCHEME_ECDSA_P256_SHA256, NULL},
    {KEY_P256, SCHEME_RSA_PSS_SHA256, NULL},
    {KEY_RSA, SCHEME_ECDSA_P256_SHA256, NULL},
    {KEY_RSA, 0x0401, NULL}, /* rsa_pkcs1_sha256: not for TLS 1.3 */
    {KEY_RSA, 0x0809, NULL}, /* rsa_pss_pss_sha256: another kind of key */
    {KEY_ED25519, SCHEME_ECDSA_P256_SHA256, NULL},
    {KEY_COUNT, SCHEME_ECDSA_P256_SHA256, NULL},
    {UINT32_MAX, SCHEME_ECDSA_P256_SHA256, NULL},
    {KEY_P256, 0, NULL},
};

static bool fits(EVP_PKEY *key, const char *digest, const uint8_t *signature, size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_ctx;
    bool good = EVP_DigestVerifyInit_ex(ctx, &pkey_ctx, digest[0] ? digest : NULL, NULL, NULL, key,
                                        NULL) == 1;

    if (EVP_PKEY_is_a(key, "RSA")) {
        good = good && EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) == 1;
        good = good && EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    good = good &&
           EVP_DigestVerify(ctx, signature, len, blocks[0].content.at, blocks[0].content.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static void test_schemes(void **state)
{
    struct keys *keys = make_keys();

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint8_t signature[KEYS_SIGNATURE_MAX];
        size_t len = 0;
        struct error err;
        bool good = keys_sign(keys, pairs[i].key, pairs[i].scheme, blocks[0].content, signature,
                              &len, &err);

        if (good != (pairs[i].digest != NULL))
            fail_msg("key %u scheme 0x%04x", pairs[i].key, pairs[i].scheme);
        if (good)
            assert_true(fits(all[pairs[i].key], pairs[i].digest, signature, len));
        assert_false(keys_sign(keys, pairs[i].key, pairs[i].scheme, (struct bytes)B(HASH32),
                               signature, &len, &err));
    }
    keys_free(keys);
    for (size_t i = 0; i < KEY_COUNT; i++)
        EVP_PKEY_free(all[i]);
}

static void refuse_key(EVP_PKEY *key)
{
    struct keys *keys = keys_new();
    struct bytes pem = pki_key_pem(key);
    struct error err;

    assert_false(keys_add(keys, 0, pem, &err));
    assert_int_equal(keys_count(keys), 0);
    free((void *)pem.at);
    EVP_PKEY_free(key);
    keys_free(keys);
}

static void test_refused_keys(void **state)
{
    struct keys *keys = keys_new();
    struct error err;

    (void)state;
    refuse_key(EVP_RSA_gen(1024));
    refuse_key(EVP_EC_gen("P-521"));
    refuse_key(EVP_EC_gen("secp256k1"));
    refuse_key(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
    assert_false(keys_add(keys, 0, bytes_of("no key"), &err));
    assert_false(keys_add(keys, 0, bytes_of(""), &err));
    keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_refused_keys),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
