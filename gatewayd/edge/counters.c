/*
 * The counters of an edge as JSON for `gatewayctl status`. Runs in an edge.
 */
#include "gatewayd/edge/counters.h"

#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/edge/known.h"

enum { TEXT_MAX = 1024 }; /* octets of the JSON object; a dozen numbers */

static size_t n_connections(const struct edge *edge)
{
    return HASH_COUNT(edge->by_number);
}

static void describe(const struct edge *edge, struct writer *out)
{
    const struct counters *n = &edge->counters;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"accepted", n->accepted},
        {"allowed", n->allowed},
        {"bytes_in", n->bytes_in},
        {"bytes_out", n->bytes_out},
        {"chains_remembered", n->chains_remembered},
        {"chains_verified", n->chains_verified},
        {"closed", n->closed},
        {"connections", n_connections(edge)},
        {"denied", n->denied},
        {"handshakes", n->handshakes},
        {"handshakes_bad", n->handshakes_bad},
        {"handshakes_now", gate_count(edge->gate)},
        {"handshakes_waiting", turns_waiting(edge->turns)},
        {"health_checks", n->health_checks},
        {"refused", n->refused},
        {"resumed", n->resumed},
        {"sources_known", known_count(edge->known)},
    };

    writer_text(out, "{");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        writer_printf(out, "%s\"%s\":%llu", i ? "," : "", rows[i].name,
                      (unsigned long long)rows[i].value);
    writer_text(out, "}");
}

/* Every counter only grows, but for three that change together with one that does. */
static uint64_t sum(const struct counters *n)
{
    return n->accepted + n->refused + n->handshakes + n->handshakes_bad + n->chains_verified +
           n->chains_remembered + n->allowed + n->denied + n->closed + n->bytes_in + n->bytes_out;
}

static void tell(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct edge *edge = timer->data;
    struct counters *n = &edge->counters;
    struct writer text = writer_new(TEXT_MAX);
    struct message_counters msg;

    (void)loop;
    (void)events;
    if (n->told_once && n->told_sum == sum(n))
        return;
    describe(edge, &text);
    msg.text = writer_bytes(&text);
    if (channel_send(edge->role->parent, MESSAGE_COUNTERS, &msg, -1)) {
        n->told_once = true;
        n->told_sum = sum(n);
    }
    writer_clear(&text);
}

void counters_start(struct edge *edge)
{
    ev_timer_init(&edge->counters.timer, tell, 1.0, 1.0);
    edge->counters.timer.data = edge;
    ev_timer_start(edge->role->loop, &edge->counters.timer);
}
