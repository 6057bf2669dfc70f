/*
 * The lines of handshakes that wait for the processor. Runs in an edge; strangers choose how many
 * sources they have and what they send, so every operation takes constant time, and a source that
 * was expensive waits longer (deficit round robin).
 */
#include "gatewayd/edge/turns.h"

#include "common/clock.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/shared/xalloc.h"

#include <utlist.h>

/* Turns of each line in a round of all, when all have somebody. */
static const unsigned shares[TURN__LINES] = {
    [TURN_FINISH] = 6, [TURN_KNOWN] = 3, [TURN_STRANGER] = 1};

struct line {
    struct turn_source *by_prefix; /* uthash */
    struct turn_source *ring;      /* in the order of their turns */
    unsigned left;                 /* turns in this round */
};

/* The connections of one source in one line; gone when there is none. */
struct turn_source {
    uint8_t prefix[16];
    UT_hash_handle hh;
    struct turn_source *next, *prev;
    struct line *line;
    struct connection *waiting;
    int64_t deficit_us; /* what it may compute; below zero: it has had more than its share */
};

struct turns {
    struct edge *edge;
    struct line lines[TURN__LINES];
    size_t n;
    ev_prepare prepare; /* before the loop looks at its descriptors */
    ev_idle idle;       /* and does not sleep while somebody waits */
};

/* --- lines ------------------------------------------------------------------------------------ */

static struct turn_source *find_or_add(struct line *line, const struct address *source)
{
    struct address prefix = gate_prefix(source);
    struct turn_source *found;

    HASH_FIND(hh, line->by_prefix, prefix.octets, sizeof(prefix.octets), found);
    if (found)
        return found;
    found = xcalloc(1, sizeof(*found));
    memcpy(found->prefix, prefix.octets, sizeof(found->prefix));
    found->line = line;
    found->deficit_us = TURNS_QUANTUM_US;
    HASH_ADD(hh, line->by_prefix, prefix, sizeof(found->prefix), found);
    DL_APPEND(line->ring, found);
    return found;
}

void turns_ask(struct connection *c, enum turn_line line)
{
    struct turns *turns = c->edge->turns;
    struct turn_source *source;

    if (c->turn.source)
        return;
    source = find_or_add(&turns->lines[line], &c->source);
    /* The newest ClientHello first: when there are too many, the old ones' clients have given up.
     */
    if (line == TURN_FINISH)
        DL_APPEND2(source->waiting, c, turn.prev, turn.next);
    else
        DL_PREPEND2(source->waiting, c, turn.prev, turn.next);
    c->turn.source = source;
    turns->n++;
    ev_idle_start(turns->edge->role->loop, &turns->idle);
}

void turns_forget(struct connection *c)
{
    struct turn_source *source = c->turn.source;

    if (!source)
        return;
    DL_DELETE2(source->waiting, c, turn.prev, turn.next);
    c->turn.source = NULL;
    c->edge->turns->n--;
    if (source->waiting)
        return;
    HASH_DEL(source->line->by_prefix, source);
    DL_DELETE(source->line->ring, source);
    free(source);
}

size_t turns_waiting(const struct turns *turns)
{
    return turns->n;
}

/* --- whose turn it is ------------------------------------------------------------------------- */

/* NULL: nobody waits anywhere. */
static struct line *next_line(struct turns *turns)
{
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < TURN__LINES; i++) {
            struct line *line = &turns->lines[i];

            if (!line->ring || line->left == 0)
                continue;
            line->left--;
            return line;
        }
        for (size_t i = 0; i < TURN__LINES; i++)
            turns->lines[i].left = shares[i];
    }
    return NULL;
}

/*
 * The source whose turn it is goes to the end; one that owes time is passed over. A step takes some
 * milliseconds at the worst, so that the debts of a line are paid within a few rounds.
 */
static struct turn_source *next_source(struct line *line)
{
    for (;;) {
        struct turn_source *source = line->ring;

        DL_DELETE(line->ring, source);
        DL_APPEND(line->ring, source);
        if (source->deficit_us > 0)
            return source;
        source->deficit_us += TURNS_QUANTUM_US;
    }
}

struct connection *turns_next(struct turns *turns)
{
    struct line *line = next_line(turns);

    return line ? next_source(line)->waiting : NULL;
}

/* What a step has cost more than a source may have in a round is paid with its next turns. */
void turns_charge(struct turns *turns, enum turn_line line, const struct address *from,
                  int64_t took_us)
{
    struct address prefix = gate_prefix(from);
    struct turn_source *source;

    HASH_FIND(hh, turns->lines[line].by_prefix, prefix.octets, sizeof(prefix.octets), source);
    if (!source)
        return;
    source->deficit_us += TURNS_QUANTUM_US - took_us;
    if (source->deficit_us > TURNS_QUANTUM_US)
        source->deficit_us = TURNS_QUANTUM_US;
}

/* The turn of that connection, which may be gone afterwards. */
static void run(struct turns *turns, struct connection *c)
{
    enum turn_line line = (enum turn_line)(c->turn.source->line - turns->lines);
    struct address source = c->source;
    int64_t start_us = clock_monotonic_us();

    turns_forget(c);
    c->turn.mine = true;
    connection_turn(c);
    turns_charge(turns, line, &source, clock_monotonic_us() - start_us);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct turns *turns = prepare->data;
    int64_t end_us = turns->n > 0 ? clock_monotonic_us() + TURNS_BUDGET_US : 0;
    struct connection *c;

    (void)events;
    while ((c = turns_next(turns))) {
        run(turns, c);
        if (clock_monotonic_us() >= end_us)
            break;
    }
    if (turns->n == 0)
        ev_idle_stop(loop, &turns->idle);
}

/* Only keeps the loop awake. */
static void on_idle(struct ev_loop *loop, ev_idle *idle, int events)
{
    (void)loop;
    (void)idle;
    (void)events;
}

struct turns *turns_new(struct edge *edge)
{
    struct turns *turns = xcalloc(1, sizeof(*turns));

    turns->edge = edge;
    ev_prepare_init(&turns->prepare, on_prepare);
    turns->prepare.data = turns;
    ev_prepare_start(edge->role->loop, &turns->prepare);
    ev_idle_init(&turns->idle, on_idle);
    ev_set_priority(&turns->idle, EV_MINPRI);
    return turns;
}

struct turns *turns_free(struct turns *turns)
{
    if (!turns)
        return NULL;
    ev_prepare_stop(turns->edge->role->loop, &turns->prepare);
    ev_idle_stop(turns->edge->role->loop, &turns->idle);
    free(turns);
    return NULL;
}
