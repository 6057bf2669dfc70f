#pragma once
/*
 * Identities by the hash of their certificate: a returning certificate is not walked again.
 * Bounded, least recently used first out; what sessions hold lives on by its references.
 */
#include "gatewayd/decide/identity.h"

struct identity_cache;

struct identity_cache *identity_cache_new(size_t max);
struct identity_cache *identity_cache_free(struct identity_cache *cache); /* accepts NULL */
/* The caller owns one reference of *ret_identity. */
bool identity_cache_get(struct identity_cache *cache, struct bytes der,
                        struct identity **ret_identity, struct error *err) MUST_CHECK;
size_t identity_cache_count(const struct identity_cache *cache);
