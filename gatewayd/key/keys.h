#pragma once
/*
 * The private keys of the tls and upstream_tls sections, and the signatures made with them. A set
 * is filled while a configuration comes and replaces the one in force when it starts.
 */
#include "gatewayd/key/certificate_verify.h"

struct keys;

struct keys *keys_new(void);
struct keys *keys_free(struct keys *keys); /* wipes; accepts NULL, returns NULL */
size_t keys_count(const struct keys *keys, enum key_role role);
/* PEM without a pass phrase: RSA, EC P-256, EC P-384 or Ed25519. index: of the section. */
bool keys_add(struct keys *keys, enum key_role role, uint32_t index, struct bytes pem,
              struct error *err) MUST_CHECK;
/* The server key of this section also signs ServerKeyExchange blocks of TLS 1.2. */
void keys_allow_tls12(struct keys *keys, uint32_t index);
enum { KEYS_SIGNATURE_MAX = 1024 }; /* RSA of 8,192 bits */
/* Signs msg->content if it is a block that the key's role signs and the scheme fits the key. */
bool keys_sign(const struct keys *keys, const struct message_sign *msg,
               uint8_t out[KEYS_SIGNATURE_MAX], size_t *ret_len, struct error *err) MUST_CHECK;

DEFINE_AUTO(struct keys *, keys_freep, keys_free)
