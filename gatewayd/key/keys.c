/*
 * Private keys and signatures. Runs in key only; trusts the parent for the files and nobody for
 * what is to be signed. OpenSSL wipes the secret numbers of a key when it is freed.
 */
#include "gatewayd/key/keys.h"

#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum {
    KEYS_MAX = 1024, /* sections of one role */
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192, /* what TLS libraries still verify without pain */
};

/* One row per scheme: which key it fits, and how OpenSSL is told. */
static const struct scheme {
    uint32_t id;
    const char *type, *group, *digest;
    bool pss;
} schemes[] = {
    {SCHEME_ECDSA_P256_SHA256, "EC", "prime256v1", "SHA256", false},
    {SCHEME_ECDSA_P384_SHA384, "EC", "secp384r1", "SHA384", false},
    {SCHEME_RSA_PSS_SHA256, "RSA", NULL, "SHA256", true},
    {SCHEME_RSA_PSS_SHA384, "RSA", NULL, "SHA384", true},
    {SCHEME_RSA_PSS_SHA512, "RSA", NULL, "SHA512", true},
    {SCHEME_ED25519, "ED25519", NULL, NULL, false},
};

/* A key with what signs by each scheme that fits it, copied for each signature: OpenSSL looks up
 * algorithms and parameters once. */
struct entry {
    EVP_PKEY *key;
    EVP_MD_CTX *ready[ARRAY_LEN(schemes)];
    bool tls12; /* of server keys: the section allows it */
};

struct keys {
    struct entry at[KEY_ROLE__COUNT][KEYS_MAX];
};

struct keys *keys_new(void)
{
    return xcalloc(1, sizeof(struct keys));
}

static void clear(struct entry *entry)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        EVP_MD_CTX_free(entry->ready[i]);
    EVP_PKEY_free(entry->key);
    *entry = (struct entry){0};
}

struct keys *keys_free(struct keys *keys)
{
    for (size_t role = 0; keys && role < KEY_ROLE__COUNT; role++)
        for (size_t i = 0; i < KEYS_MAX; i++)
            clear(&keys->at[role][i]);
    free(keys);
    return NULL;
}

size_t keys_count(const struct keys *keys, enum key_role role)
{
    size_t n = 0;

    for (size_t i = 0; i < KEYS_MAX; i++)
        n += keys->at[role][i].key != NULL;
    return n;
}

static bool scheme_fits(const struct scheme *scheme, const EVP_PKEY *key)
{
    char group[32] = "";

    if (!EVP_PKEY_is_a(key, scheme->type))
        return false;
    if (!scheme->group)
        return true;
    return EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
           strcmp(group, scheme->group) == 0;
}

static bool key_is_usable(const EVP_PKEY *key, struct error *err)
{
    int bits = EVP_PKEY_get_bits(key);
    bool fits = false;

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        fits = fits || scheme_fits(&schemes[i], key);
    if (!fits)
        return err_set(err, REASON_CONFIG_VALUE,
                       "a key must be RSA, EC P-256, EC P-384 or Ed25519");
    if (EVP_PKEY_is_a(key, "RSA") && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX))
        return err_set(err, REASON_CONFIG_VALUE, "an RSA key of %d bits", bits);
    return true;
}

/* A key with a pass phrase cannot be used by a daemon. */
static int no_password(char *buf, int size, int writing, void *context)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static EVP_MD_CTX *make_ready(EVP_PKEY *key, const struct scheme *scheme)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_ctx = NULL;

    if (ctx && EVP_DigestSignInit_ex(ctx, &pkey_ctx, scheme->digest, NULL, NULL, key, NULL) == 1 &&
        (!scheme->pss || (EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                          EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, RSA_PSS_SALTLEN_DIGEST) == 1)))
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

/* Owns the key, also where it fails. */
static bool fill(struct entry *entry, EVP_PKEY *key, struct error *err)
{
    clear(entry);
    entry->key = key;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (!scheme_fits(&schemes[i], key))
            continue;
        entry->ready[i] = make_ready(key, &schemes[i]);
        if (entry->ready[i])
            continue;
        clear(entry);
        ERR_clear_error();
        return err_set(err, REASON_CRYPTO, "scheme 0x%04x", schemes[i].id);
    }
    return true;
}

bool keys_add(struct keys *keys, enum key_role role, uint32_t index, struct bytes pem,
              struct error *err)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (!key)
        return err_set(err, REASON_FILE_MALFORMED, "no private key in PEM without a pass phrase");
    if (index >= KEYS_MAX || !key_is_usable(key, err)) {
        EVP_PKEY_free(key);
        return index < KEYS_MAX ? false : err_set(err, REASON_CONFIG_VALUE, "section %u", index);
    }
    return fill(&keys->at[role][index], key, err);
}

void keys_allow_tls12(struct keys *keys, uint32_t index)
{
    if (index < KEYS_MAX)
        keys->at[KEY_ROLE_SERVER][index].tls12 = true;
}

static bool sign_with(const EVP_MD_CTX *ready, struct bytes content, uint8_t *out, size_t *ret_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = KEYS_SIGNATURE_MAX;
    bool good = ctx && EVP_MD_CTX_copy_ex(ctx, ready) == 1;

    if (good)
        EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE); /* our copy needs no other one */
    good = good && EVP_DigestSign(ctx, out, &len, content.at, content.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (good)
        *ret_len = len;
    return good;
}

/* The content decides which kind it is; where 1.2 is not allowed it is judged as 1.3 is. */
static bool may_sign(const struct keys *keys, const struct message_sign *msg, struct error *err)
{
    if (msg->role == KEY_ROLE_SERVER && msg->key < KEYS_MAX &&
        keys->at[KEY_ROLE_SERVER][msg->key].tls12 && server_key_exchange_check(msg->content, err))
        return true;
    return certificate_verify_check((enum key_role)msg->role, msg->content, err);
}

bool keys_sign(const struct keys *keys, const struct message_sign *msg,
               uint8_t out[KEYS_SIGNATURE_MAX], size_t *ret_len, struct error *err)
{
    const struct entry *entry;

    if (!may_sign(keys, msg, err))
        return false;
    entry = msg->key < KEYS_MAX ? &keys->at[msg->role][msg->key] : NULL;
    if (!entry || !entry->key)
        return err_set(err, REASON_KEY_UNAVAILABLE, "no key for section %u", msg->key);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (schemes[i].id == msg->scheme && entry->ready[i])
            return sign_with(entry->ready[i], msg->content, out, ret_len) ||
                   err_set(err, REASON_CRYPTO, "signature with scheme 0x%04x", msg->scheme);
    return err_set(err, REASON_MSG_MALFORMED, "scheme 0x%04x does not fit the key", msg->scheme);
}
