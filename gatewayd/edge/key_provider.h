#pragma once
/*
 * Private keys that are elsewhere: an OpenSSL provider whose keys know only their public half and
 * hand each block to be signed, whole, to a function. Knows no process.
 */
#include "common/error.h"

#include <openssl/evp.h>

struct key_provider; /* a library context of its own, so that nothing else ever finds the keys */

/* Signs content with the key of that index and a TLS SignatureScheme. Must not wait without end. */
struct key_signer {
    bool (*sign)(void *context, uint32_t key, uint32_t scheme, struct bytes content, uint8_t *out,
                 size_t room, size_t *ret_len);
    void *context;
};

/* direct: direct_keys_use has taken effect in this process. */
bool key_provider_new(bool direct, struct key_provider **ret_provider,
                      struct error *err) MUST_CHECK;
/* All keys of it must have been freed. Accepts NULL, returns NULL. */
struct key_provider *key_provider_free(struct key_provider *provider);
/*
 * The private counterpart of a public key (RSA, EC P-256, EC P-384, Ed25519). Borrows signer as
 * long as the key lives; the caller frees *ret_key with EVP_PKEY_free.
 */
bool key_provider_key(struct key_provider *provider, EVP_PKEY *public_key,
                      const struct key_signer *signer, uint32_t index, EVP_PKEY **ret_key,
                      struct error *err) MUST_CHECK;
