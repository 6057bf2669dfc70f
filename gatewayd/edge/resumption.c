/*
 * The cache of TLS sessions and libssl's questions to it. Runs in an edge, inside of handshakes. A
 * session that is offered was given to somebody who had proved a key; everything else that was true
 * then is compared or judged again here. Each is good once: the next one comes with a new session.
 */
#include "gatewayd/edge/resumption.h"

#include "common/clock.h"
#include "common/writer.h"
#include "gatewayd/edge/edge.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <utlist.h>

enum { ID_LEN = SSL_MAX_SSL_SESSION_ID_LENGTH };

/* One that is kept; its secrets are wiped by SSL_SESSION_free. */
struct kept {
    uint8_t id[ID_LEN];
    UT_hash_handle hh;
    struct kept *next, *prev; /* the oldest first */
    SSL_SESSION *session;
    struct hash binding;
    int64_t proved_s; /* when the client last signed with its key */
    struct chain *chain;
};

struct resumption_cache {
    struct kept *by_id; /* uthash */
    struct kept *list;
    size_t n, octets;
};

/* Of a connection while its handshake runs. */
struct resumption {
    struct hash binding;
    int64_t proved_s;
    struct chain *chain; /* of a session that was taken from the cache; held */
};

/* --- the cache -------------------------------------------------------------------------------- */

struct resumption_cache *resumption_cache_new(void)
{
    return xcalloc(1, sizeof(struct resumption_cache));
}

/* Out of the cache; what it holds is the caller's. */
static void unlink_kept(struct resumption_cache *cache, struct kept *kept)
{
    HASH_DEL(cache->by_id, kept);
    DL_DELETE(cache->list, kept);
    cache->n--;
    cache->octets -= kept->chain->octets.len;
}

static void forget(struct edge *edge, struct kept *kept)
{
    unlink_kept(edge->resumptions, kept);
    SSL_SESSION_free(kept->session);
    chain_drop(edge, kept->chain);
    free(kept);
}

void resumption_forget_all(struct edge *edge)
{
    while (edge->resumptions->list)
        forget(edge, edge->resumptions->list);
}

static struct kept *find(struct resumption_cache *cache, const uint8_t id[ID_LEN])
{
    struct kept *kept;

    HASH_FIND(hh, cache->by_id, id, ID_LEN, kept);
    return kept;
}

/* Whose session it is, and since when. */
struct proof {
    struct chain *chain;
    int64_t proved_s;
};

static void keep(struct edge *edge, const struct resumption *resumption, SSL_SESSION *session,
                 const struct proof *proof)
{
    struct resumption_cache *cache = edge->resumptions;
    struct kept *kept = xcalloc(1, sizeof(*kept));
    unsigned len;

    memcpy(kept->id, SSL_SESSION_get_id(session, &len), ID_LEN);
    kept->session = session;
    kept->binding = resumption->binding;
    kept->proved_s = proof->proved_s;
    kept->chain = chain_hold(edge, proof->chain);
    HASH_ADD(hh, cache->by_id, id, ID_LEN, kept);
    DL_APPEND(cache->list, kept);
    cache->n++;
    cache->octets += proof->chain->octets.len;
    while (cache->n > RESUMPTION_SESSIONS_MAX || cache->octets > RESUMPTION_OCTETS_MAX)
        forget(edge, cache->list);
}

/* --- what libssl asks ------------------------------------------------------------------------- */

/*
 * A session that was offered may be found and still not be used: another cipher suite, a wrong
 * binder. Then the client has proved a key of its own, and what was found is somebody else's.
 */
static struct proof proof_of(const struct connection *c, const SSL *ssl)
{
    if (SSL_session_reused(ssl))
        return (struct proof){c->resumption->chain, c->resumption->proved_s};
    return (struct proof){c->chain, clock_realtime_s()};
}

/*
 * A session that the client may come back with. libssl marks its own object when a connection
 * breaks, so the cache keeps another one. 0: the caller's reference stays its own.
 */
static int on_new(SSL *ssl, SSL_SESSION *session)
{
    struct connection *c = SSL_get_app_data(ssl);
    SSL_SESSION *copy;
    struct proof proof;
    unsigned len;

    if (!c || !c->resumption || SSL_version(ssl) != TLS1_3_VERSION)
        return 0;
    proof = proof_of(c, ssl);
    if (!proof.chain)
        return 0;
    (void)SSL_SESSION_get_id(session, &len);
    copy = len == ID_LEN ? SSL_SESSION_dup(session) : NULL;
    if (copy)
        keep(c->edge, c->resumption, copy, &proof);
    return 0;
}

/* Whether it still counts; the chain may have been judged again for that. */
static bool still_good(struct connection *c, struct kept *kept)
{
    struct chain_accepts accepts = chain_accepts_of(c);
    int64_t now_s = clock_realtime_s();
    struct error why;

    return CRYPTO_memcmp(&kept->binding, &c->resumption->binding, sizeof(kept->binding)) == 0 &&
           now_s >= kept->proved_s && now_s - kept->proved_s <= RESUMPTION_MAX_S &&
           chain_judge_again(c->edge, &kept->chain, &accepts, &why);
}

/* NULL: a full handshake. One that does not fit is forgotten too: it was offered somewhere else. */
static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int len, int *ret_copy)
{
    struct connection *c = SSL_get_app_data(ssl);
    struct kept *kept;
    SSL_SESSION *session;

    *ret_copy = 0; /* the reference goes to libssl */
    if (!c || !c->resumption || len != ID_LEN || c->resumption->chain)
        return NULL;
    kept = find(c->edge->resumptions, id);
    if (!kept)
        return NULL;
    if (!still_good(c, kept)) {
        forget(c->edge, kept);
        return NULL;
    }
    unlink_kept(c->edge->resumptions, kept);
    session = kept->session;
    c->resumption->chain = kept->chain;
    c->resumption->proved_s = kept->proved_s;
    free(kept);
    return session;
}

void resumption_use(SSL_CTX *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new);
    SSL_CTX_sess_set_get_cb(ctx, on_get);
    (void)SSL_CTX_set_timeout(ctx, RESUMPTION_MAX_S);
}

/* --- one handshake ---------------------------------------------------------------------------- */

/* Everything that a session is good for; each part ends, so that none runs into the next. */
static struct hash binding_of(const struct connection *c, const char *tls)
{
    const struct config *config = c->edge->role->config;
    struct chain_accepts accepts = chain_accepts_of(c);
    struct hash accepted = chain_accepts_hash(&accepts), binding;
    bool named = c->route.service < config->n_service;
    struct writer out = writer_new(SIZE_MAX / 2);

    writer_block16(&out, bytes_of(config->listener[c->listener].title));
    writer_block16(&out, bytes_of(tls));
    writer_block16(&out, bytes_of(named ? config->service[c->route.service].title : ""));
    writer_block16(&out, bytes_of(c->sni));
    writer_u8(&out, c->route.gw1);
    writer_u8(&out, c->route.via);
    writer_put(&out, (struct bytes){accepted.octets, HASH_LEN});
    writer_u32(&out, c->edge->role->generation);
    writer_u32(&out, c->edge->trust ? c->edge->trust->generation : 0);
    (void)SHA256(out.at, out.len, binding.octets);
    writer_clear(&out);
    return binding;
}

bool resumption_begin(struct connection *c, SSL *ssl, const char *tls)
{
    resumption_end(c);
    c->resumption = xcalloc(1, sizeof(*c->resumption));
    c->resumption->binding = binding_of(c, tls);
    c->resumption->proved_s = clock_realtime_s();
    return SSL_set_session_id_context(ssl, c->resumption->binding.octets, HASH_LEN) == 1;
}

void resumption_finish(struct connection *c)
{
    if (c->resumption && SSL_session_reused(c->ssl)) {
        chain_drop(c->edge, c->chain);
        c->chain = STEAL(c->resumption->chain);
        c->edge->counters.resumed++;
    }
    resumption_end(c);
}

void resumption_end(struct connection *c)
{
    if (!c->resumption)
        return;
    chain_drop(c->edge, c->resumption->chain);
    free(c->resumption);
    c->resumption = NULL;
}
