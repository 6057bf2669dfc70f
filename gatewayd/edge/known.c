/*
 * Credit of sources. Runs in an edge; only who holds a valid certificate can add to it.
 */
#include "gatewayd/edge/known.h"

#include "gatewayd/edge/gate.h"
#include "gatewayd/shared/xalloc.h"

#include <uthash.h>

struct known_source {
    uint8_t prefix[16];
    UT_hash_handle hh;
    unsigned credit;
};

struct known {
    struct known_source *sources; /* uthash, the one that proved last at the end */
};

struct known *known_new(void)
{
    return xcalloc(1, sizeof(struct known));
}

static void forget(struct known *known, struct known_source *source)
{
    HASH_DEL(known->sources, source);
    free(source);
}

struct known *known_free(struct known *known)
{
    while (known && known->sources)
        forget(known, known->sources);
    free(known);
    return NULL;
}

static struct known_source *find(const struct known *known, const struct address *source)
{
    struct address prefix = gate_prefix(source);
    struct known_source *found;

    HASH_FIND(hh, known->sources, prefix.octets, sizeof(prefix.octets), found);
    return found;
}

void known_proved(struct known *known, const struct address *source)
{
    struct known_source *found = find(known, source);
    struct address prefix = gate_prefix(source);

    if (found) {
        HASH_DEL(known->sources, found);
    } else {
        if (HASH_COUNT(known->sources) >= KNOWN_MAX)
            forget(known, known->sources);
        found = xcalloc(1, sizeof(*found));
        memcpy(found->prefix, prefix.octets, sizeof(found->prefix));
    }
    HASH_ADD(hh, known->sources, prefix, sizeof(found->prefix), found);
    found->credit += KNOWN_PER_PROOF;
    if (found->credit > KNOWN_CREDIT_MAX)
        found->credit = KNOWN_CREDIT_MAX;
}

bool known_spend(struct known *known, const struct address *source)
{
    struct known_source *found = find(known, source);

    if (!found || found->credit == 0)
        return false;
    found->credit--;
    return true;
}

size_t known_count(const struct known *known)
{
    return HASH_COUNT(known->sources);
}
