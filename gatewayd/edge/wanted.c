/*
 * WANTED. Runs in an edge, inside of handshakes: a hash and a message. Strangers cannot cause it:
 * the chain has led to an anchor already.
 */
#include "gatewayd/edge/wanted.h"

#include "common/clock.h"
#include "gatewayd/shared/fetched.h"
#include "gatewayd/shared/hash.h"
#include "gatewayd/shared/xalloc.h"

enum {
    AGAIN_MS = 10 * 1000,         /* the same chain is told of again after that */
    TELL_MS = 100,                /* between two of an edge */
    CHAIN_OCTETS_MAX = 64 * 1024, /* of a chain that is passed on */
    KEPT = 64,                    /* chains that fetch has been told of lately */
};

struct wanted {
    struct {
        struct hash hash;
        int64_t told_ms;
    } at[KEPT];
    size_t next;
    int64_t told_ms; /* of the last one */
};

static bool is_due(struct edge *edge, const struct hash *hash)
{
    struct wanted *wanted = edge->wanted;
    int64_t now_ms = clock_monotonic_ms();

    if (!wanted)
        wanted = edge->wanted = xcalloc(1, sizeof(*wanted));
    if (now_ms - wanted->told_ms < TELL_MS && wanted->told_ms > 0)
        return false;
    for (size_t i = 0; i < KEPT; i++)
        if (hash_equal(&wanted->at[i].hash, hash) && now_ms - wanted->at[i].told_ms < AGAIN_MS)
            return false;
    wanted->told_ms = now_ms;
    wanted->at[wanted->next].hash = *hash;
    wanted->at[wanted->next].told_ms = now_ms;
    wanted->next = (wanted->next + 1) % KEPT;
    return true;
}

static void tell(struct edge *edge, const char *title, struct bytes chain)
{
    const struct config_ca *ca = config_find_ca(edge->role->config, title);
    struct channel *fetch = role_channel(edge->role, PROCESS_FETCH, 0);
    struct message_wanted msg = {.ca_name = bytes_of(title), .chain = chain};
    struct hash hash;

    if (!ca || !fetch || !fetched_ca_has_cdp(ca) || chain.len > CHAIN_OCTETS_MAX)
        return;
    hash = hash_of(chain);
    if (is_due(edge, &hash))
        (void)!channel_send(fetch, MESSAGE_WANTED, &msg, -1); /* the next one asks again */
}

void wanted_refused(struct edge *edge, size_t ca, X509 *leaf, const STACK_OF(X509) * presented)
{
    AUTO(writer_clear) struct writer chain = writer_new(CHAIN_OCTETS_MAX);
    AUTO(char_freep) char *title = NULL;

    if (!edge->trust || ca >= edge->trust->trust->n_cas)
        return;
    title = xtext(edge->trust->trust->cas[ca].name);
    for (int i = 0; i == 0 || i < sk_X509_num(presented); i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(i == 0 ? leaf : sk_X509_value(presented, i), &der);

        if (len > 0)
            writer_put(&chain, (struct bytes){der, (size_t)len});
        OPENSSL_free(der);
    }
    if (writer_ok(&chain))
        tell(edge, title, writer_bytes(&chain));
}

void wanted_unknown(struct edge *edge, const struct chain *chain)
{
    if (chain->facts.revocation == REVOCATION_UNKNOWN)
        tell(edge, chain->facts.ca, chain->octets);
}
