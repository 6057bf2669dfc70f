/*
 * SHA-256 by OpenSSL. Runs in every process.
 */
#include "gatewayd/shared/hash.h"

#include <openssl/sha.h>

struct hash hash_of(struct bytes octets)
{
    struct hash hash;

    (void)SHA256(octets.at, octets.len, hash.octets);
    return hash;
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
    return memcmp(a->octets, b->octets, HASH_LEN) == 0;
}
