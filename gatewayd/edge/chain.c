/*
 * The verified-chain cache. Runs in an edge, inside of handshakes: CPU only, nothing here waits.
 * A hit rests on the same trust data (generation), so on the same revocation lists; only the times
 * are looked at again.
 */
#include "gatewayd/edge/chain.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/standing.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/sha.h>

/* --- trust data ------------------------------------------------------------------------------- */

DEFINE_AUTO(struct trust_set *, trust_set_freep, trust_set_free)

bool trust_set_map(int fd, uint32_t generation, struct trust_set **ret_set, struct error *err)
{
    AUTO(trust_set_freep) struct trust_set *set = xcalloc(1, sizeof(*set));

    set->generation = generation;
    if (!memfd_map(fd, TRUST_MAX, &set->octets, err) ||
        !trust_decode(set->octets, &set->trust, err) || !verify_new(set->trust, &set->verify, err))
        return false;
    *ret_set = STEAL(set);
    return true;
}

struct trust_set *trust_set_free(struct trust_set *set)
{
    if (!set)
        return NULL;
    verify_free(set->verify);
    trust_free(set->trust);
    memfd_unmap(set->octets);
    free(set);
    return NULL;
}

/* The trust data's index of a configured ca section; they may be of different configurations. */
static bool find_ca(const struct trust *trust, const char *title, size_t *ret_index)
{
    for (size_t i = 0; i < trust->n_cas; i++) {
        if (!bytes_equal(trust->cas[i].name, bytes_of(title)))
            continue;
        *ret_index = i;
        return true;
    }
    return false;
}

struct chain_accepts chain_accepts_of(const struct connection *c)
{
    const struct config *config = c->edge->role->config;
    bool named = c->route.service < config->n_service;

    return (struct chain_accepts){
        .cas = config_accepted_cas(&config->listener[c->listener],
                                   named ? &config->service[c->route.service] : NULL)};
}

/* Indexes into trust of the ca sections that are accepted, in their order. */
static size_t *accepted(const struct trust *trust, const struct config_list *cas, size_t *ret_n)
{
    size_t *indexes = xcalloc(cas->n, sizeof(*indexes));
    size_t n = 0;

    for (size_t i = 0; i < cas->n; i++)
        if (find_ca(trust, cas->at[i], &indexes[n]))
            n++;
    *ret_n = n;
    return indexes;
}

static struct chain_facts facts_of(const struct edge *edge, const struct verify_result *result)
{
    struct bytes ca = edge->trust->trust->cas[result->ca].name;
    struct chain_facts facts = {
        .not_before_s = result->not_before_s,
        .not_after_s = result->not_after_s,
        .revocation = (uint8_t)result->revocation,
        .crl_this_update_s = result->crl_this_update_s,
        .crl_valid_until_s = result->crl_valid_until_s,
    };

    memcpy(facts.ca, ca.at, ca.len < CHAIN_CA_MAX ? ca.len : CHAIN_CA_MAX);
    return facts;
}

/* --- the list of those that nobody holds ------------------------------------------------------ */

static void unlink_idle(struct chain_cache *cache, struct chain *chain)
{
    *(chain->newer ? &chain->newer->older : &cache->newest) = chain->older;
    *(chain->older ? &chain->older->newer : &cache->oldest) = chain->newer;
    chain->newer = chain->older = NULL;
    cache->n_idle--;
}

static void link_idle(struct chain_cache *cache, struct chain *chain)
{
    chain->newer = NULL;
    chain->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = chain;
    cache->newest = chain;
    cache->n_idle++;
}

static void destroy(struct chain *chain)
{
    standing_free(chain);
    free((void *)chain->octets.at);
    free(chain);
}

static void leave_table(struct chain_cache *cache, struct chain *chain)
{
    if (chain->in_table)
        HASH_DEL(cache->table, chain);
    chain->in_table = false;
}

static void forget_idle(struct chain_cache *cache, struct chain *chain)
{
    unlink_idle(cache, chain);
    leave_table(cache, chain);
    destroy(chain);
}

static struct chain *hold(struct chain_cache *cache, struct chain *chain)
{
    if (chain->refs++ == 0)
        unlink_idle(cache, chain);
    return chain;
}

struct chain *chain_hold(struct edge *edge, struct chain *chain)
{
    return hold(&edge->chains, chain);
}

void chain_drop(struct edge *edge, struct chain *chain)
{
    struct chain_cache *cache = &edge->chains;

    if (!chain || --chain->refs > 0)
        return;
    if (!chain->in_table) {
        destroy(chain);
        return;
    }
    link_idle(cache, chain);
    if (cache->n_idle > CHAIN_IDLE_MAX)
        forget_idle(cache, cache->oldest);
}

void chain_cache_reset(struct edge *edge)
{
    struct chain_cache *cache = &edge->chains;
    struct chain *chain, *next;

    while (cache->oldest)
        forget_idle(cache, cache->oldest);
    HASH_ITER(hh, cache->table, chain, next)
    leave_table(cache, chain);
}

struct bytes chain_leaf(const struct chain *chain)
{
    return (struct bytes){chain->octets.at, chain->leaf_len};
}

/* --- judging ---------------------------------------------------------------------------------- */

/* The presented certificates one behind the other; the leaf is the first of them. */
static struct bytes presented_octets(X509 *leaf, const STACK_OF(X509) * presented,
                                     size_t *ret_leaf_len)
{
    struct writer out = writer_new(SIZE_MAX / 2); /* libssl has limited what was presented */
    struct bytes octets;

    for (int i = 0; i == 0 || i < sk_X509_num(presented); i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(i == 0 ? leaf : sk_X509_value(presented, i), &der);

        if (len > 0)
            writer_put(&out, (struct bytes){der, (size_t)len});
        OPENSSL_free(der);
        if (i == 0)
            *ret_leaf_len = out.len;
    }
    octets.at = writer_take(&out, &octets.len);
    if (!octets.at)
        abort();
    return octets;
}

bool chain_is_fresh(const struct edge *edge, const struct chain *chain)
{
    int64_t now_s = clock_realtime_s();

    return edge->trust && chain->generation == edge->trust->generation &&
           now_s >= chain->facts.not_before_s && now_s <= chain->facts.not_after_s &&
           now_s < chain->facts.crl_valid_until_s;
}

static void judge_now(struct edge *edge, const struct chain_accepts *accepts, X509 *leaf,
                      const STACK_OF(X509) * presented, struct verify_result *ret_result)
{
    struct verify_request request = {.now_s = clock_realtime_s(), .server = accepts->server};
    AUTO(char_freep) char *cas = NULL;

    if (edge->trust) {
        size_t *indexes = accepted(edge->trust->trust, accepts->cas, &request.n_cas);

        cas = (char *)indexes;
        request.cas = indexes;
    }
    edge->counters.chains_verified++;
    verify_certificates(edge->trust ? edge->trust->verify : NULL, &request, leaf, presented,
                        ret_result);
}

/* Titles have no NUL and no order but their own. */
struct hash chain_accepts_hash(const struct chain_accepts *accepts)
{
    struct writer titles = writer_new(SIZE_MAX / 2); /* the configuration has limited them */
    struct hash hash;

    writer_u8(&titles, accepts->server);
    for (size_t i = 0; i < accepts->cas->n; i++)
        writer_put(&titles, (struct bytes){(const uint8_t *)accepts->cas->at[i],
                                           strlen(accepts->cas->at[i]) + 1});
    (void)SHA256(titles.at, titles.len, hash.octets);
    writer_clear(&titles);
    return hash;
}

bool chain_is_for(const struct chain *chain, const struct chain_accepts *accepts)
{
    struct hash hash = chain_accepts_hash(accepts);

    return memcmp(chain->key.accepts.octets, hash.octets, HASH_LEN) == 0;
}

static struct chain *remember(struct edge *edge, const struct chain_key *key, struct bytes octets,
                              size_t leaf_len, const struct verify_result *result)
{
    struct chain *chain = xcalloc(1, sizeof(*chain));

    *chain = (struct chain){.key = *key,
                            .refs = 1,
                            .in_table = true,
                            .generation = edge->trust->generation,
                            .facts = facts_of(edge, result),
                            .octets = octets,
                            .leaf_len = leaf_len};
    HASH_ADD(hh, edge->chains.table, key, sizeof(chain->key), chain);
    /* Once for each chain as long as it is remembered: who must renew before the day comes. */
    if (result->eku_lacks)
        log_event(LOG_LEVEL_WARNING, "eku_lacks", "ca=%s detail=\"%s\"", chain->facts.ca,
                  log_quoted(bytes_of(result->detail)));
    return chain;
}

static void renew(struct edge *edge, struct chain *chain, const struct verify_result *result)
{
    struct chain_facts facts = facts_of(edge, result);

    /* Another authority vouches for it now: what the one before has said counts no more. */
    if (strcmp(facts.ca, chain->facts.ca) != 0)
        standing_forget(chain);
    chain->generation = edge->trust->generation;
    chain->facts = facts;
}

static struct chain *find(struct edge *edge, const struct chain_key *key)
{
    struct chain *chain;

    HASH_FIND(hh, edge->chains.table, key, sizeof(*key), chain);
    return chain;
}

bool chain_judge(struct edge *edge, const struct chain_accepts *accepts, X509 *leaf,
                 const STACK_OF(X509) * presented, struct chain **ret_chain,
                 struct verify_result *ret_result)
{
    struct chain_key key = {.accepts = chain_accepts_hash(accepts)};
    struct chain *chain;
    struct bytes octets;
    size_t leaf_len;

    octets = presented_octets(leaf, presented, &leaf_len);
    (void)SHA256(octets.at, octets.len, key.hash.octets);
    chain = find(edge, &key);
    if (chain && chain_is_fresh(edge, chain)) {
        edge->counters.chains_remembered++;
        free((void *)octets.at);
        *ret_chain = hold(&edge->chains, chain);
        return true;
    }
    judge_now(edge, accepts, leaf, presented, ret_result);
    if (ret_result->reason == REASON_OK && !chain) {
        *ret_chain = remember(edge, &key, octets, leaf_len, ret_result);
        return true;
    }
    free((void *)octets.at);
    if (ret_result->reason != REASON_OK)
        return false;
    renew(edge, chain, ret_result);
    *ret_chain = hold(&edge->chains, chain);
    return true;
}

/* Parses the octets that were presented again; they came out of OpenSSL objects. */
static STACK_OF(X509) * parse(const struct chain *chain)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    const unsigned char *at = chain->octets.at, *end = at + chain->octets.len;

    while (all && at < end) {
        X509 *certificate = d2i_X509(NULL, &at, end - at);

        if (!certificate || sk_X509_push(all, certificate) == 0)
            abort();
    }
    if (!all)
        abort();
    return all;
}

/* What is accepted is another set now: the answer to it is another object of the cache. */
static bool judge_anew(struct edge *edge, struct chain **chain, const struct chain_accepts *accepts,
                       struct verify_result *ret_result)
{
    STACK_OF(X509) *all = parse(*chain);
    struct chain *other;
    bool good = chain_judge(edge, accepts, sk_X509_value(all, 0), all, &other, ret_result);

    sk_X509_pop_free(all, X509_free);
    if (!good)
        return false;
    chain_drop(edge, *chain);
    *chain = other;
    return true;
}

static bool judge_same(struct edge *edge, struct chain *chain, const struct chain_accepts *accepts,
                       struct verify_result *ret_result)
{
    STACK_OF(X509) *all = parse(chain);

    judge_now(edge, accepts, sk_X509_value(all, 0), all, ret_result);
    sk_X509_pop_free(all, X509_free);
    if (ret_result->reason != REASON_OK)
        return false;
    renew(edge, chain, ret_result);
    return true;
}

bool chain_judge_again(struct edge *edge, struct chain **chain, const struct chain_accepts *accepts,
                       struct error *why)
{
    bool same = chain_is_for(*chain, accepts);
    struct verify_result result;

    if (same && chain_is_fresh(edge, *chain))
        return true;
    return (same ? judge_same(edge, *chain, accepts, &result)
                 : judge_anew(edge, chain, accepts, &result)) ||
           err_set(why, result.reason, "%s", result.detail);
}

void chain_try(struct edge *edge, struct trust_set *trust, const struct chain *chain,
               const struct chain_accepts *accepts, struct verify_result *ret_result,
               struct chain_facts *ret_facts)
{
    struct trust_set *in_force = edge->trust;
    STACK_OF(X509) *all = parse(chain);

    edge->trust = trust; /* for this one judgement */
    judge_now(edge, accepts, sk_X509_value(all, 0), all, ret_result);
    memset(ret_facts, 0, sizeof(*ret_facts));
    if (ret_result->reason == REASON_OK)
        *ret_facts = facts_of(edge, ret_result);
    edge->trust = in_force;
    sk_X509_pop_free(all, X509_free);
}
