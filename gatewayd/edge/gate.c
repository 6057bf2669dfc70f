/*
 * Limits before authentication. Runs in an edge; a connection that is refused here has cost no
 * cryptography. Strangers choose how many addresses they come from: every step takes constant time.
 */
#include "gatewayd/edge/gate.h"

#include "common/clock.h"
#include "gatewayd/edge/edge.h"
#include "gatewayd/shared/xalloc.h"

#include <utlist.h>

/* A connection that has said nothing yet makes room before one whose handshake is under way. */
enum tier { TIER_SILENT, TIER_HEARD, TIER__COUNT };

struct prefix_key {
    uint8_t octets[16];
    uint8_t len; /* octets of it that count */
};

/* The connections of a tier and a site, in order of their arrival. */
struct queue {
    struct gate_place *places;
    size_t n;
    struct prefix *next, *prev; /* sites with the same n */
};

struct prefix {
    struct prefix_key key;
    UT_hash_handle hh;
    size_t n;
    struct queue queues[TIER__COUNT]; /* of a site only */
    struct gate_place **places;       /* of a source only: all n, in no order */
    size_t room;
};

/* Where a connection is counted. site: the /32 of an IPv4 address, the /48 of an IPv6 one. */
struct gate_place {
    struct connection *c;
    struct prefix *source, *site;
    enum tier tier;
    size_t at; /* in source->places */
    struct gate_place *next, *prev;
};

/* Sites by the number of their connections in a tier; the head has had that number longest. */
struct ranks {
    struct prefix *at[GATE_HANDSHAKES_MAX + 1];
    size_t most;
};

struct gate {
    struct prefix *sources, *sites; /* uthash */
    struct ranks ranks[TIER__COUNT];
    size_t n;
    uint64_t dice; /* spreads, and need not be a secret */
};

struct gate *gate_new(void)
{
    struct gate *gate = xcalloc(1, sizeof(*gate));

    gate->dice = (uint64_t)clock_monotonic_us() | 1;
    return gate;
}

struct gate *gate_free(struct gate *gate)
{
    free(gate);
    return NULL;
}

size_t gate_count(const struct gate *gate)
{
    return gate->n;
}

struct address gate_prefix(const struct address *source)
{
    struct address prefix = *source;

    prefix.port = 0;
    if (!address_is_v4(source))
        memset(prefix.octets + 8, 0, 8);
    return prefix;
}

/* --- prefixes --------------------------------------------------------------------------------- */

static struct prefix_key key_of(const struct address *source, uint8_t v6_len)
{
    struct prefix_key key;

    memset(&key, 0, sizeof(key));
    key.len = address_is_v4(source) ? sizeof(key.octets) : v6_len;
    memcpy(key.octets, source->octets, key.len);
    return key;
}

static struct prefix_key source_key(const struct address *source)
{
    return key_of(source, 8);
}

static struct prefix_key site_key(const struct address *source)
{
    return key_of(source, 6);
}

static struct prefix *find(struct prefix *prefixes, struct prefix_key key)
{
    struct prefix *found;

    HASH_FIND(hh, prefixes, &key, sizeof(key), found);
    return found;
}

static struct prefix *count_in(struct prefix **prefixes, struct prefix_key key)
{
    struct prefix *prefix = find(*prefixes, key);

    if (!prefix) {
        prefix = xcalloc(1, sizeof(*prefix));
        prefix->key = key;
        HASH_ADD(hh, *prefixes, key, sizeof(prefix->key), prefix);
    }
    prefix->n++;
    return prefix;
}

static void count_out(struct prefix **prefixes, struct prefix *prefix)
{
    if (--prefix->n > 0)
        return;
    HASH_DEL(*prefixes, prefix);
    free(prefix->places);
    free(prefix);
}

static size_t held(struct prefix *prefixes, struct prefix_key key)
{
    const struct prefix *prefix = find(prefixes, key);

    return prefix ? prefix->n : 0;
}

/* --- places of a source ----------------------------------------------------------------------- */

static void place_enter(struct gate_place *place)
{
    struct prefix *source = place->source;

    place->at = source->n - 1;
    if (place->at >= source->room) {
        source->room = source->room ? 2 * source->room : 4;
        source->places = xrealloc(source->places, source->room, sizeof(struct gate_place *));
    }
    source->places[place->at] = place;
}

static void place_leave(struct gate_place *place)
{
    struct prefix *source = place->source;
    struct gate_place *last = source->places[source->n - 1];

    source->places[place->at] = last;
    last->at = place->at;
}

/* xorshift64 */
static size_t roll(struct gate *gate, size_t n)
{
    gate->dice ^= gate->dice << 13;
    gate->dice ^= gate->dice >> 7;
    gate->dice ^= gate->dice << 17;
    return (size_t)(gate->dice >> 11) % n;
}

/* --- ranks ------------------------------------------------------------------------------------ */

static void rank_leave(struct ranks *ranks, struct prefix *site, enum tier tier)
{
    struct queue *queue = &site->queues[tier];

    if (queue->n > 0)
        DL_DELETE2(ranks->at[queue->n], site, queues[tier].prev, queues[tier].next);
}

static void rank_enter(struct ranks *ranks, struct prefix *site, enum tier tier)
{
    struct queue *queue = &site->queues[tier];

    if (queue->n > 0)
        DL_APPEND2(ranks->at[queue->n], site, queues[tier].prev, queues[tier].next);
    if (queue->n > ranks->most)
        ranks->most = queue->n;
    while (ranks->most > 0 && !ranks->at[ranks->most])
        ranks->most--;
}

static void queue_enter(struct gate *gate, struct gate_place *place, enum tier tier)
{
    struct queue *queue = &place->site->queues[tier];

    place->tier = tier;
    rank_leave(&gate->ranks[tier], place->site, tier);
    DL_APPEND(queue->places, place);
    queue->n++;
    rank_enter(&gate->ranks[tier], place->site, tier);
}

static void queue_leave(struct gate *gate, struct gate_place *place)
{
    struct queue *queue = &place->site->queues[place->tier];

    rank_leave(&gate->ranks[place->tier], place->site, place->tier);
    DL_DELETE(queue->places, place);
    queue->n--;
    rank_enter(&gate->ranks[place->tier], place->site, place->tier);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* A limit over all edges, shared out; never none. */
static size_t share(const struct edge *edge, int64_t limit)
{
    size_t part = ((size_t)limit + edge->n_edges - 1) / edge->n_edges;

    return part ? part : 1;
}

static const struct gate_place *older(const struct gate_place *a, const struct gate_place *b)
{
    return a->c->accepted_us <= b->c->accepted_us ? a : b;
}

/* Of the sites with the most in that tier, the oldest; NULL when it holds no more than the
 * newcomer.
 */
static const struct gate_place *find_candidate(const struct gate *gate, enum tier tier, size_t own)
{
    const struct ranks *ranks = &gate->ranks[tier];
    const struct prefix *site = ranks->at[ranks->most];

    return ranks->most > 0 && site->n > own ? site->queues[tier].places : NULL;
}

/*
 * Who has been silent for long goes first. One that has just come is silent too, so beyond that it
 * is the one whose site holds more, or the older one.
 */
static struct connection *find_victim(const struct gate *gate, const struct address *source)
{
    size_t own = held(gate->sites, site_key(source));
    const struct gate_place *silent = find_candidate(gate, TIER_SILENT, own);
    const struct gate_place *heard = find_candidate(gate, TIER_HEARD, own);

    if (!silent || !heard)
        return silent ? silent->c : heard ? heard->c : NULL;
    if (clock_monotonic_us() - silent->c->accepted_us >= GATE_SILENT_US)
        return silent->c;
    if (silent->site->n != heard->site->n)
        return (silent->site->n > heard->site->n ? silent : heard)->c;
    return older(silent, heard)->c;
}

/*
 * One of the newcomer's own, when its source or site has all that it may have; else NULL. By
 * chance, the older one of two: if the newest were refused, one client of the source could keep out
 * all the others, and if the oldest were dropped, all that are far away.
 */
static struct connection *find_own_victim(struct gate *gate, const struct address *source,
                                          size_t per_source)
{
    struct prefix *own = find(gate->sources, source_key(source));
    struct prefix *site = find(gate->sites, site_key(source));

    if (!site || ((!own || own->n < per_source) && site->n < per_source * GATE_SITE_FACTOR))
        return NULL;
    if (own)
        return older(own->places[roll(gate, own->n)], own->places[roll(gate, own->n)])->c;
    for (int tier = 0; tier < TIER__COUNT; tier++)
        if (site->queues[tier].n > 0)
            return site->queues[tier].places->c;
    return NULL;
}

enum reason gate_check(const struct edge *edge, uint32_t listener, const struct address *source,
                       struct connection **ret_victim)
{
    const struct config *config = edge->role->config;
    const struct config_listener *limits = &config->listener[listener];
    struct gate *gate = edge->gate;

    *ret_victim = NULL;
    if (edge->n_per_listener[listener] >= share(edge, limits->max_connections))
        return REASON_TOO_MANY_CONNECTIONS;
    if (source->known) /* a client whose proxy has not named it yet has no source */
        *ret_victim = find_own_victim(gate, source, share(edge, limits->max_handshakes_per_source));
    if (*ret_victim || gate->n < share(edge, config->gateway->max_handshakes))
        return REASON_OK;
    *ret_victim = find_victim(gate, source);
    return *ret_victim ? REASON_OK : REASON_TOO_MANY_HANDSHAKES;
}

void gate_enter(struct connection *c)
{
    struct gate *gate = c->edge->gate;
    struct gate_place *place = xcalloc(1, sizeof(*place));

    place->c = c;
    place->source = count_in(&gate->sources, source_key(&c->source));
    place->site = count_in(&gate->sites, site_key(&c->source));
    gate->n++;
    place_enter(place);
    queue_enter(gate, place, TIER_SILENT);
    c->place = place;
}

void gate_heard(struct connection *c)
{
    if (!c->place || c->place->tier == TIER_HEARD)
        return;
    queue_leave(c->edge->gate, c->place);
    queue_enter(c->edge->gate, c->place, TIER_HEARD);
}

void gate_leave(struct connection *c)
{
    struct gate *gate = c->edge->gate;

    if (!c->place)
        return;
    queue_leave(gate, c->place);
    place_leave(c->place);
    count_out(&gate->sources, c->place->source);
    count_out(&gate->sites, c->place->site);
    gate->n--;
    free(c->place);
    c->place = NULL;
}
