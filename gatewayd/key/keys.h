#pragma once
/*
 * The private keys of the tls sections, and the signatures made with them. A set is filled while a
 * configuration comes and replaces the one in force when it starts.
 */
#include "gatewayd/key/certificate_verify.h"

struct keys;

struct keys *keys_new(void);
struct keys *keys_free(struct keys *keys); /* wipes; accepts NULL, returns NULL */
size_t keys_count(const struct keys *keys);
/* PEM without a pass phrase: RSA, EC P-256, EC P-384 or Ed25519. index: of the tls section. */
bool keys_add(struct keys *keys, uint32_t index, struct bytes pem, struct error *err) MUST_CHECK;
enum { KEYS_SIGNATURE_MAX = 1024 }; /* RSA of 8,192 bits */
/* Signs content if it is a server CertificateVerify block and the scheme fits the key. */
bool keys_sign(const struct keys *keys, uint32_t index, uint32_t scheme, struct bytes content,
               uint8_t out[KEYS_SIGNATURE_MAX], size_t *ret_len, struct error *err) MUST_CHECK;

DEFINE_AUTO(struct keys *, keys_freep, keys_free)
