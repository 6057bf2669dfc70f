/*
 * The budget of records for strangers. Runs in decide; bounded whatever they do, and nothing that
 * happened stays uncounted.
 */
#include "gatewayd/decide/strangers.h"

#include "gatewayd/shared/xalloc.h"

#include <uthash.h>

enum { MS_PER_RECORD = 1000 / STRANGERS_PER_S };

struct count_key {
    uint32_t reason;
    uint8_t known;
    uint8_t octets[16];
};

struct counted {
    struct count_key key;
    struct strangers_count count;
    UT_hash_handle hh;
};

struct strangers {
    int64_t credit_ms; /* each record costs MS_PER_RECORD */
    int64_t last_ms;
    bool low;
    struct counted *counted; /* uthash, in the order of arrival */
};

struct strangers *strangers_new(int64_t now_ms)
{
    struct strangers *strangers = xcalloc(1, sizeof(*strangers));

    strangers->credit_ms = STRANGERS_BURST * MS_PER_RECORD;
    strangers->last_ms = now_ms;
    return strangers;
}

static void drop(struct strangers *strangers, struct counted *counted)
{
    HASH_DEL(strangers->counted, counted);
    free(counted);
}

struct strangers *strangers_free(struct strangers *strangers)
{
    if (!strangers)
        return NULL;
    while (strangers->counted)
        drop(strangers, strangers->counted);
    free(strangers);
    return NULL;
}

static struct address network_of(const struct address *source)
{
    struct address network = *source;
    size_t len = address_is_v4(source) ? 15 : 6; /* the /24 of a mapped IPv4 address, the /48 */

    network.port = 0;
    memset(network.octets + len, 0, sizeof(network.octets) - len);
    return network;
}

static struct counted *find(const struct strangers *strangers, enum reason reason,
                            const struct address *network)
{
    struct counted *found;
    struct count_key key;

    memset(&key, 0, sizeof(key));
    key.reason = reason;
    key.known = network->known;
    memcpy(key.octets, network->octets, sizeof(key.octets));
    HASH_FIND(hh, strangers->counted, &key, sizeof(key), found);
    return found;
}

static struct counted *add(struct strangers *strangers, enum reason reason,
                           const struct address *network)
{
    struct counted *counted = xcalloc(1, sizeof(*counted));

    counted->key.reason = reason;
    counted->key.known = network->known;
    memcpy(counted->key.octets, network->octets, sizeof(counted->key.octets));
    counted->count.reason = reason;
    counted->count.network = *network;
    HASH_ADD(hh, strangers->counted, key, sizeof(counted->key), counted);
    return counted;
}

static void count(struct strangers *strangers, enum reason reason, const struct address *source,
                  uint32_t n)
{
    static const struct address nowhere;
    struct address network = source->known ? network_of(source) : nowhere;
    struct counted *counted = find(strangers, reason, &network);

    if (!counted && HASH_COUNT(strangers->counted) >= STRANGERS_NETWORKS_MAX) {
        network = nowhere;
        counted = find(strangers, reason, &network);
    }
    if (!counted)
        counted = add(strangers, reason, &network);
    counted->count.n = n > UINT32_MAX - counted->count.n ? UINT32_MAX : counted->count.n + n;
}

bool strangers_may_record(struct strangers *strangers, int64_t now_ms, enum reason reason,
                          const struct address *source, uint32_t n)
{
    int64_t most_ms = STRANGERS_BURST * MS_PER_RECORD;

    if (now_ms > strangers->last_ms)
        strangers->credit_ms += now_ms - strangers->last_ms;
    strangers->last_ms = now_ms;
    strangers->credit_ms = strangers->credit_ms < most_ms ? strangers->credit_ms : most_ms;
    if (strangers->low || strangers->credit_ms < MS_PER_RECORD) {
        count(strangers, reason, source, n);
        return false;
    }
    strangers->credit_ms -= MS_PER_RECORD;
    return true;
}

void strangers_set_low(struct strangers *strangers, bool low)
{
    strangers->low = low;
}

bool strangers_next(struct strangers *strangers, struct strangers_count *ret_count)
{
    if (strangers->low || !strangers->counted)
        return false;
    *ret_count = strangers->counted->count;
    drop(strangers, strangers->counted);
    return true;
}
