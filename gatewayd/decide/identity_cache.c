/*
 * The cache of identities. Runs in decide; keyed by SHA-256 of the DER octets that the edge sent,
 * so that nobody can put one certificate's identity in place of another's.
 */
#include "gatewayd/decide/identity_cache.h"

#include "gatewayd/shared/xalloc.h"

#include <openssl/sha.h>
#include <uthash.h>

struct cached {
    struct hash sha256;
    struct identity *identity;
    UT_hash_handle hh; /* uthash keeps the order of insertion: the first is the oldest */
};

struct identity_cache {
    struct cached *entries;
    size_t max;
};

struct identity_cache *identity_cache_new(size_t max)
{
    struct identity_cache *cache = xcalloc(1, sizeof(*cache));

    cache->max = max;
    return cache;
}

static void drop(struct identity_cache *cache, struct cached *entry)
{
    HASH_DEL(cache->entries, entry);
    (void)identity_unref(entry->identity);
    free(entry);
}

struct identity_cache *identity_cache_free(struct identity_cache *cache)
{
    if (!cache)
        return NULL;
    while (cache->entries)
        drop(cache, cache->entries);
    free(cache);
    return NULL;
}

static void insert(struct identity_cache *cache, struct cached *entry)
{
    HASH_ADD(hh, cache->entries, sha256, sizeof(entry->sha256), entry);
}

bool identity_cache_get(struct identity_cache *cache, struct bytes der,
                        struct identity **ret_identity, struct error *err)
{
    struct cached *entry;
    struct identity *identity;
    struct hash sha256;

    SHA256(der.at, der.len, sha256.octets);
    HASH_FIND(hh, cache->entries, &sha256, sizeof(sha256), entry);
    if (entry) {
        HASH_DEL(cache->entries, entry); /* to the end of the order */
        insert(cache, entry);
        *ret_identity = identity_ref(entry->identity);
        return true;
    }
    if (!identity_extract(der, &identity, err))
        return false;
    if (HASH_COUNT(cache->entries) >= cache->max)
        drop(cache, cache->entries);
    entry = xcalloc(1, sizeof(*entry));
    entry->sha256 = sha256;
    entry->identity = identity_ref(identity);
    insert(cache, entry);
    *ret_identity = identity;
    return true;
}

size_t identity_cache_count(const struct identity_cache *cache)
{
    return HASH_COUNT(cache->entries);
}
