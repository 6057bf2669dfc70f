/* What key signs: the blocks of a key's role, with the schemes that fit; everything else is
 * refused. */
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
#define CLIENT   "TLS 1.3, client CertificateVerify\0"
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
    {"of a client", B(SPACES64 CLIENT HASH32), false},
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
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        if (certificate_verify_check(KEY_ROLE_SERVER, blocks[i].content, &err) != blocks[i].good)
            fail_msg("%s", blocks[i].name);
        assert_false(server_key_exchange_check(blocks[i].content, &err));
    }
}

/* A client's key signs what begins like a client, and nothing that a server's signs. */
static void test_client_blocks(void **state)
{
    struct error err;

    (void)state;
    assert_true(
        certificate_verify_check(KEY_ROLE_CLIENT, (struct bytes)B(SPACES64 CLIENT HASH32), &err));
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (strcmp(blocks[i].name, "of a client") != 0 &&
            certificate_verify_check(KEY_ROLE_CLIENT, blocks[i].content, &err))
            fail_msg("%s", blocks[i].name);
    assert_false(certificate_verify_check(KEY_ROLE__COUNT, blocks[0].content, &err));
}

/* --- TLS 1.2 ---------------------------------------------------------------------------------- */

#define MARKED      "0123456789abcdef01234567DOWNGRD\1"
#define POINT(form) form HASH32 HASH32
#define X25519      "\3\0\x1d\x20" HASH32
#define P256        "\3\0\x17\x41" POINT("\4")
#define P384        "\3\0\x18\x61\4" HASH48 HASH48

static const struct {
    const char *name;
    struct bytes content;
    bool good;
} exchanges[] = {
    {"X25519", B(HASH32 MARKED X25519), true},
    {"P-256", B(HASH32 MARKED P256), true},
    {"P-384", B(HASH32 MARKED P384), true},
    {"nothing", B(""), false},
    {"randoms alone", B(HASH32 MARKED), false},
    {"no mark", B(HASH32 HASH32 X25519), false},
    {"the mark of TLS 1.1", B(HASH32 "0123456789abcdef01234567DOWNGRD\0" X25519), false},
    {"the mark in the client's random", B(MARKED HASH32 X25519), false},
    {"an octet behind", B(HASH32 MARKED X25519 "x"), false},
    {"an octet short",
     B(HASH32 MARKED "\3\0\x1d\x20"
                     "0123456789abcdef0123456789abcde"),
     false},
    {"a length that is too small", B(HASH32 MARKED "\3\0\x1d\x1f" HASH32), false},
    {"X25519 with the length of P-256", B(HASH32 MARKED "\3\0\x1d\x41" POINT("\4")), false},
    {"P-256 with the length of X25519", B(HASH32 MARKED "\3\0\x17\x20" HASH32), false},
    {"a compressed point", B(HASH32 MARKED "\3\0\x17\x21\2" HASH32), false},
    {"a point of another form", B(HASH32 MARKED "\3\0\x17\x41" POINT("\6")), false},
    {"P-521", B(HASH32 MARKED "\3\0\x19\x85\4" HASH32 HASH32 HASH32 HASH32 "0123"), false},
    {"a group of finite fields", B(HASH32 MARKED "\3\1\0\x20" HASH32), false},
    {"an explicit curve", B(HASH32 MARKED "\1\0\x1d\x20" HASH32), false},
    {"an explicit curve of characteristic 2", B(HASH32 MARKED "\2\0\x1d\x20" HASH32), false},
    {"parameters of DHE", B(HASH32 MARKED "\0\4\1\2\3\4\0\1\2\0\1\5"), false},
    {"a block of TLS 1.3", B(SPACES64 SERVER HASH32), false},
    {"spaces as randoms", B(SPACES64 X25519), false},
};

static void test_exchanges(void **state)
{
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
        if (server_key_exchange_check(exchanges[i].content, &err) != exchanges[i].good)
            fail_msg("%s", exchanges[i].name);
        /* No block is both kinds. */
        if (exchanges[i].good)
            assert_false(certificate_verify_check(KEY_ROLE_SERVER, exchanges[i].content, &err));
    }
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

        assert_true(keys_add(keys, KEY_ROLE_SERVER, i, pem, &err));
        free((void *)pem.at);
    }
    assert_int_equal(keys_count(keys, KEY_ROLE_SERVER), KEY_COUNT);
    assert_int_equal(keys_count(keys, KEY_ROLE_CLIENT), 0);
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

static bool fits(EVP_PKEY *key, const char *digest, struct bytes content, const uint8_t *signature,
                 size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_ctx;
    bool good = EVP_DigestVerifyInit_ex(ctx, &pkey_ctx, digest[0] ? digest : NULL, NULL, NULL, key,
                                        NULL) == 1;

    if (EVP_PKEY_is_a(key, "RSA")) {
        good = good && EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) == 1;
        good = good && EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    good = good && EVP_DigestVerify(ctx, signature, len, content.at, content.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool sign(const struct keys *keys, struct message_sign msg, struct bytes content,
                 uint8_t out[KEYS_SIGNATURE_MAX], size_t *ret_len)
{
    struct error err;

    msg.content = content;
    return keys_sign(keys, &msg, out, ret_len, &err);
}

static void free_all(struct keys *keys)
{
    keys_free(keys);
    for (size_t i = 0; i < KEY_COUNT; i++)
        EVP_PKEY_free(all[i]);
}

static void test_schemes(void **state)
{
    struct keys *keys = make_keys();

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct message_sign msg = {.key = pairs[i].key, .scheme = pairs[i].scheme};
        uint8_t signature[KEYS_SIGNATURE_MAX];
        size_t len = 0;
        bool good = sign(keys, msg, blocks[0].content, signature, &len);

        if (good != (pairs[i].digest != NULL))
            fail_msg("key %u scheme 0x%04x", pairs[i].key, pairs[i].scheme);
        if (good)
            assert_true(
                fits(all[pairs[i].key], pairs[i].digest, blocks[0].content, signature, len));
        assert_false(sign(keys, msg, (struct bytes)B(HASH32), signature, &len));
        /* TLS 1.2 was not allowed for this section. */
        assert_false(sign(keys, msg, exchanges[0].content, signature, &len));
    }
    free_all(keys);
}

/* What is kept ready for a key goes with it, and a signature leaves nothing behind for the next. */
static void test_replaced(void **state)
{
    static const uint32_t schemes[] = {SCHEME_ECDSA_P256_SHA256, SCHEME_ECDSA_P256_SHA256,
                                       SCHEME_RSA_PSS_SHA256, SCHEME_RSA_PSS_SHA384};
    struct keys *keys = make_keys();
    EVP_PKEY *other[] = {EVP_EC_gen("P-256"), EVP_RSA_gen(2048)};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct message_sign msg = {.key = KEY_P256, .scheme = schemes[i]};
        const char *digest = schemes[i] == SCHEME_RSA_PSS_SHA384 ? "SHA384" : "SHA256";
        struct bytes pem = pki_key_pem(other[i / 2]);
        uint8_t signature[KEYS_SIGNATURE_MAX];
        struct error err;
        size_t len = 0;

        assert_true(keys_add(keys, KEY_ROLE_SERVER, KEY_P256, pem, &err));
        for (int block = 0; block < 2; block++) {
            assert_true(sign(keys, msg, blocks[block].content, signature, &len));
            assert_true(fits(other[i / 2], digest, blocks[block].content, signature, len));
            assert_false(fits(other[i / 2], digest, blocks[!block].content, signature, len));
        }
        msg.scheme = schemes[3 - i]; /* of the other kind of key */
        assert_false(sign(keys, msg, blocks[0].content, signature, &len));
        free((void *)pem.at);
    }
    EVP_PKEY_free(other[0]);
    EVP_PKEY_free(other[1]);
    free_all(keys);
}

static void test_roles(void **state)
{
    const struct bytes server = B(SPACES64 SERVER HASH32), client = B(SPACES64 CLIENT HASH32);
    struct message_sign msg = {.key = 0, .scheme = SCHEME_ECDSA_P256_SHA256};
    struct keys *keys = make_keys();
    uint8_t signature[KEYS_SIGNATURE_MAX];
    struct bytes pem = pki_key_pem(all[KEY_P384]);
    size_t len = 0;
    struct error err;

    (void)state;
    assert_false(sign(keys, msg, client, signature, &len));
    msg.role = KEY_ROLE_CLIENT; /* a server's key of the same number is none of a client */
    assert_false(sign(keys, msg, client, signature, &len));
    assert_true(keys_add(keys, KEY_ROLE_CLIENT, 0, pem, &err));
    free((void *)pem.at);
    assert_false(sign(keys, msg, client, signature, &len));
    msg.scheme = SCHEME_ECDSA_P384_SHA384;
    assert_true(sign(keys, msg, client, signature, &len));
    assert_true(fits(all[KEY_P384], "SHA384", client, signature, len));
    assert_false(sign(keys, msg, server, signature, &len));
    msg.role = KEY_ROLE__COUNT;
    assert_false(sign(keys, msg, client, signature, &len));
    msg.role = UINT8_MAX;
    assert_false(sign(keys, msg, server, signature, &len));
    free_all(keys);
}

static void test_tls12(void **state)
{
    struct message_sign msg = {.key = KEY_RSA, .scheme = SCHEME_RSA_PSS_SHA256};
    struct keys *keys = make_keys();
    uint8_t signature[KEYS_SIGNATURE_MAX];
    size_t len = 0;

    (void)state;
    keys_allow_tls12(keys, KEY_RSA);
    keys_allow_tls12(keys, UINT32_MAX);
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
        bool good = sign(keys, msg, exchanges[i].content, signature, &len);

        /* The last but one is the other kind of block. */
        if (good != (exchanges[i].good || strcmp(exchanges[i].name, "a block of TLS 1.3") == 0))
            fail_msg("%s", exchanges[i].name);
        if (good)
            assert_true(fits(all[KEY_RSA], "SHA256", exchanges[i].content, signature, len));
    }
    msg.scheme = 0x0401; /* rsa_pkcs1_sha256 */
    assert_false(sign(keys, msg, exchanges[0].content, signature, &len));
    msg = (struct message_sign){.key = KEY_P256, .scheme = SCHEME_ECDSA_P256_SHA256};
    assert_false(sign(keys, msg, exchanges[0].content, signature, &len)); /* another section */
    msg.role = KEY_ROLE_CLIENT;
    assert_false(sign(keys, msg, exchanges[0].content, signature, &len));
    free_all(keys);
}

static void refuse_key(EVP_PKEY *key)
{
    struct keys *keys = keys_new();
    struct bytes pem = pki_key_pem(key);
    struct error err;

    assert_false(keys_add(keys, KEY_ROLE_SERVER, 0, pem, &err));
    assert_int_equal(keys_count(keys, KEY_ROLE_SERVER), 0);
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
    assert_false(keys_add(keys, KEY_ROLE_SERVER, 0, bytes_of("no key"), &err));
    assert_false(keys_add(keys, KEY_ROLE_SERVER, 0, bytes_of(""), &err));
    keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),       cmocka_unit_test(test_client_blocks),
        cmocka_unit_test(test_exchanges),    cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_roles),        cmocka_unit_test(test_tls12),
        cmocka_unit_test(test_refused_keys), cmocka_unit_test(test_replaced),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
