/*
 * Limits before authentication. Runs in an edge; a connection that is refused here has cost no
 * cryptography.
 */
#include "gatewayd/edge/gate.h"

#include "gatewayd/edge/edge.h"
#include "gatewayd/shared/xalloc.h"

struct prefix {
    uint8_t octets[16];
    size_t n;
    UT_hash_handle hh;
};

struct address gate_prefix(const struct address *source)
{
    struct address prefix = *source;

    prefix.port = 0;
    if (!address_is_v4(source))
        memset(prefix.octets + 8, 0, 8);
    return prefix;
}

static struct prefix *find(const struct edge *edge, const struct address *source)
{
    struct address key = gate_prefix(source);
    struct prefix *found;

    HASH_FIND(hh, edge->prefixes, key.octets, sizeof(key.octets), found);
    return found;
}

/* A limit over all edges, shared out; never none. */
static size_t share(const struct edge *edge, int64_t limit)
{
    size_t part = ((size_t)limit + edge->n_edges - 1) / edge->n_edges;

    return part ? part : 1;
}

enum reason gate_check(const struct edge *edge, uint32_t listener, const struct address *source)
{
    const struct config_listener *limits = &edge->role->config->listener[listener];
    const struct prefix *prefix = find(edge, source);

    if (edge->n_per_listener[listener] >= share(edge, limits->max_connections))
        return REASON_TOO_MANY_CONNECTIONS;
    if (edge->n_handshakes >= share(edge, GATE_HANDSHAKES_MAX))
        return REASON_TOO_MANY_HANDSHAKES;
    if (prefix && prefix->n >= share(edge, limits->max_handshakes_per_source))
        return REASON_TOO_MANY_HANDSHAKES;
    return REASON_OK;
}

void gate_enter(struct connection *c)
{
    struct edge *edge = c->edge;
    struct prefix *prefix = find(edge, &c->source);

    if (!prefix) {
        struct address key = gate_prefix(&c->source);

        prefix = xcalloc(1, sizeof(*prefix));
        memcpy(prefix->octets, key.octets, sizeof(key.octets));
        HASH_ADD(hh, edge->prefixes, octets, sizeof(prefix->octets), prefix);
    }
    prefix->n++;
    edge->n_handshakes++;
    c->prefix = prefix;
}

void gate_leave(struct connection *c)
{
    struct prefix *prefix = c->prefix;

    if (!prefix)
        return;
    c->prefix = NULL;
    c->edge->n_handshakes--;
    if (--prefix->n > 0)
        return;
    HASH_DEL(c->edge->prefixes, prefix);
    free(prefix);
}
