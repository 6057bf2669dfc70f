/*
 * Coalesced reports of refused handshakes. Runs in an edge; bounded whatever strangers do: 256
 * kinds at a time, the rest shares one kind per reason.
 */
#include "gatewayd/edge/preauth.h"

#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/shared/xalloc.h"

enum { KINDS_MAX = 256 };

struct kind_key {
    uint32_t listener;
    uint32_t reason;
    uint8_t prefix[16];
};

/* The newest event of a kind, and how many there were since the last message. */
struct kind {
    struct kind_key key;
    UT_hash_handle hh;
    struct address source;
    char *sni, *detail;
    struct bytes leaf;
    uint32_t count;
};

struct preauth {
    struct edge *edge;
    struct kind *kinds; /* uthash */
    ev_timer timer;     /* runs while there are kinds */
};

static void clear_kind(struct kind *kind)
{
    free(kind->sni);
    free(kind->detail);
    free((void *)kind->leaf.at);
    kind->sni = kind->detail = NULL;
    kind->leaf = (struct bytes){NULL, 0};
}

static void drop(struct preauth *preauth, struct kind *kind)
{
    HASH_DEL(preauth->kinds, kind);
    clear_kind(kind);
    free(kind);
}

/* False while decide is away or overloaded: the count stays. */
static bool send_kind(struct preauth *preauth, struct kind *kind)
{
    struct channel *decide = role_channel(preauth->edge->role, PROCESS_DECIDE, 0);
    const struct config *config = preauth->edge->role->config;
    struct message_preauth_denied msg = {.listener = kind->key.listener,
                                         .source = kind->source,
                                         .sni = bytes_of(kind->sni),
                                         .reason = kind->key.reason,
                                         .detail = bytes_of(kind->detail),
                                         .leaf = kind->leaf,
                                         .count = kind->count};

    if (kind->key.listener < config->n_listener)
        msg.listener_name = bytes_of(config->listener[kind->key.listener].title);
    if (!decide || preauth->edge->hold == EDGE_HOLD_ALL ||
        !channel_send(decide, MESSAGE_PREAUTH_DENIED, &msg, -1))
        return false;
    kind->count = 0;
    clear_kind(kind);
    return true;
}

static void each_second(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct preauth *preauth = timer->data;
    struct kind *kind, *next;

    (void)events;
    HASH_ITER(hh, preauth->kinds, kind, next)
    {
        if (kind->count == 0)
            drop(preauth, kind);
        else if (!send_kind(preauth, kind))
            break;
    }
    if (!preauth->kinds)
        ev_timer_stop(loop, timer);
}

struct preauth *preauth_new(struct edge *edge)
{
    struct preauth *preauth = xcalloc(1, sizeof(*preauth));

    preauth->edge = edge;
    ev_init(&preauth->timer, each_second);
    preauth->timer.data = preauth;
    preauth->timer.repeat = 1.0;
    return preauth;
}

static struct kind *find_or_add(struct preauth *preauth, const struct preauth_event *event,
                                bool *ret_new)
{
    struct address prefix = gate_prefix(&event->source);
    struct kind_key key;
    struct kind *kind;

    memset(&key, 0, sizeof(key));
    key.listener = event->listener;
    key.reason = event->reason;
    if (HASH_COUNT(preauth->kinds) < KINDS_MAX)
        memcpy(key.prefix, prefix.octets, sizeof(key.prefix));
    HASH_FIND(hh, preauth->kinds, &key, sizeof(key), kind);
    *ret_new = kind == NULL;
    if (kind)
        return kind;
    kind = xcalloc(1, sizeof(*kind));
    kind->key = key;
    HASH_ADD(hh, preauth->kinds, key, sizeof(kind->key), kind);
    return kind;
}

void preauth_tell(struct edge *edge, const struct preauth_event *event)
{
    struct preauth *preauth = edge->preauth;
    bool is_new;
    struct kind *kind = find_or_add(preauth, event, &is_new);

    clear_kind(kind);
    kind->source = event->source;
    kind->sni = xstrdup(event->sni ? event->sni : "");
    kind->detail = xstrdup(event->detail);
    kind->leaf = xbytes(event->leaf);
    kind->count++;
    if (is_new)
        (void)send_kind(preauth, kind);
    if (!ev_is_active(&preauth->timer))
        ev_timer_again(edge->role->loop, &preauth->timer);
}

void preauth_tell_connection(struct connection *c, enum reason reason, const char *detail,
                             struct bytes leaf)
{
    struct preauth_event event = {.listener = c->listener,
                                  .source = c->source,
                                  .sni = c->sni,
                                  .reason = reason,
                                  .detail = detail,
                                  .leaf = leaf};

    preauth_tell(c->edge, &event);
}
