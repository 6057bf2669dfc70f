/*
 * The steps that follow an upgrade. Runs in the parent. New beside old where two can be (key,
 * edges), old away and then new where there can be one only (directory, decide, audit, spawn): what
 * they would be asked meanwhile waits in sockets.
 */
#include "gatewayd/parent/succession.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/loading.h"
#include "gatewayd/parent/sockets.h"

enum { DECIDE_LIMIT_MS = 5000 }; /* the old decide has answered what it was asked by then */

static void begin_key(struct parent *parent);
static void begin_edges(struct parent *parent);
static void renew(struct parent *parent);
static void begin_decide(struct parent *parent);
static void begin_new_decide(struct parent *parent);
static void finish(struct parent *parent);

static const struct step {
    const char *name;
    int deadline_s; /* then what is old is killed; with an `undo`, what is new ends */
    enum process_role role;
    void (*begin)(struct parent *parent);
} steps[] = {
    [SUCCESSION_NONE] = {.name = "none"},
    [SUCCESSION_LOAD] = {.name = "load", .role = PROCESS_LOAD},
    [SUCCESSION_KEY] = {.name = "key", 10, PROCESS_KEY, begin_key},
    [SUCCESSION_EDGES] = {.name = "edges", 20, PROCESS_EDGE, begin_edges},
    [SUCCESSION_DIRECTORY] = {.name = "directory", 10, PROCESS_DIRECTORY, renew},
    [SUCCESSION_FETCH] = {.name = "fetch", 10, PROCESS_FETCH, renew},
    [SUCCESSION_DECIDE] = {.name = "decide", 10, PROCESS_DECIDE, begin_decide},
    [SUCCESSION_AUDIT] = {.name = "audit", 10, PROCESS_AUDIT, renew},
    [SUCCESSION_NEW_DECIDE] = {.name = "new decide", 10, PROCESS_DECIDE, begin_new_decide},
    [SUCCESSION_SPAWN] = {.name = "spawn", 5, PROCESS_SPAWN, renew},
    [SUCCESSION_DONE] = {.name = "done", .begin = finish},
    [SUCCESSION_FAILED] = {.name = "failed"},
};

static void enter(struct parent *parent, enum succession_step step)
{
    struct succession *succession = &parent->succession;

    succession->step = step;
    log_event(LOG_LEVEL_INFO, "upgrade_step", "step=\"%s\"", steps[step].name);
    ev_timer_stop(parent->loop, &succession->deadline);
    if (steps[step].deadline_s > 0) {
        ev_timer_set(&succession->deadline, steps[step].deadline_s, 0.0);
        ev_timer_start(parent->loop, &succession->deadline);
    }
    if (steps[step].begin)
        steps[step].begin(parent);
}

static void give_up(struct parent *parent, const struct error *why)
{
    parent->succession.failure = *why;
    log_error("upgrade_failed", why, "step=\"%s\"", steps[parent->succession.step].name);
    enter(parent, SUCCESSION_FAILED);
}

/* --- new beside old --------------------------------------------------------------------------- */

static bool is_of(const struct child *child, enum process_role role, bool old)
{
    return child->role == role && child->old == old && !child->retired;
}

static bool all_new_ready(const struct parent *parent, enum process_role role)
{
    size_t n = 0;

    for (size_t i = 0; i < parent->n_children; i++) {
        const struct child *child = &parent->children[i];

        if (!is_of(child, role, false) || !child->wanted)
            continue;
        if (child->state != CHILD_READY)
            return false;
        n++;
    }
    return n > 0;
}

static void begin_key(struct parent *parent)
{
    struct child *child = children_add(parent, PROCESS_KEY, 0);

    if (child)
        child_start(child);
}

static bool slot_is_taken(const struct parent *parent, uint32_t slot)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].role == PROCESS_EDGE && parent->children[i].slot == slot &&
            (parent->children[i].pid != 0 || parent->children[i].wanted))
            return true;
    return false;
}

static void begin_edges(struct parent *parent)
{
    uint32_t slots[EDGES_MAX], n = 0;
    struct error err;

    for (uint32_t slot = 0; slot < EDGES_MAX && n < parent->succession.n_edges; slot++)
        if (!slot_is_taken(parent, slot))
            slots[n++] = slot;
    if (n < parent->succession.n_edges) {
        (void)err_set(&err, REASON_UPGRADE_FULL, "%u edges have no place",
                      parent->succession.n_edges);
        give_up(parent, &err);
        return;
    }
    if (!sockets_assign(&parent->sockets, parent->config, slots, n, &err)) {
        give_up(parent, &err);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct child *child = children_add(parent, PROCESS_EDGE, slots[i]);

        if (child)
            child_start(child);
    }
}

/* The listening sockets go on in the new ones: not one client that waits in them is lost. */
static void retire_old(struct parent *parent, enum process_role role)
{
    struct message_drain drain = {.now = true};

    for (size_t i = 0; i < parent->n_children; i++) {
        struct child *child = &parent->children[i];

        if (!is_of(child, role, true))
            continue;
        child_retire(child);
        if (role == PROCESS_KEY && child->channel)
            (void)!channel_send(child->channel, MESSAGE_DRAIN, &drain, -1);
    }
}

static void end_new(struct parent *parent, enum process_role role)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (is_of(&parent->children[i], role, false)) {
            child_end(&parent->children[i]);
            parent->children[i].retired = true;
        }
}

/* --- new after old ---------------------------------------------------------------------------- */

static struct child *old_one(struct parent *parent)
{
    struct child *child = children_find(parent, steps[parent->succession.step].role, 0);

    return child && child->old && child->pid != 0 ? child : NULL;
}

static void tell_old(struct parent *parent, enum message_id id, const void *msg)
{
    struct child *child = old_one(parent);

    if (child && (!child->channel || !channel_send(child->channel, id, msg, -1)))
        child_replace(child);
}

/* It ends in its own time, and is followed like any child that has ended; or there was none. */
static void renew(struct parent *parent)
{
    struct message_drain drain = {.now = true};

    tell_old(parent, MESSAGE_DRAIN, &drain);
    if (!old_one(parent))
        children_start(parent, steps[parent->succession.step].role);
    succession_look(parent);
}

static void begin_decide(struct parent *parent)
{
    struct message_retire retire = {.limit_ms = DECIDE_LIMIT_MS};

    tell_old(parent, MESSAGE_RETIRE, &retire);
}

static void begin_new_decide(struct parent *parent)
{
    children_start(parent, PROCESS_DECIDE);
}

static void finish(struct parent *parent)
{
    log_event(LOG_LEVEL_INFO, "upgraded", "ms=%lld",
              (long long)(clock_monotonic_ms() - parent->succession.began_ms));
}

/* --- from step to step ------------------------------------------------------------------------ */

static bool is_away(struct parent *parent, enum process_role role)
{
    const struct child *child = children_find(parent, role, 0);

    return !child || child->pid == 0;
}

static bool is_renewed(struct parent *parent, enum process_role role)
{
    const struct child *child = children_find(parent, role, 0);

    return !child || !child->wanted || (!child->old && child->state == CHILD_READY);
}

void succession_look(struct parent *parent)
{
    enum succession_step step = parent->succession.step;

    if (parent->ending != ENDING_NOT)
        return;
    switch (step) {
    case SUCCESSION_KEY:
    case SUCCESSION_EDGES:
        if (!all_new_ready(parent, steps[step].role))
            return;
        retire_old(parent, steps[step].role);
        break;
    case SUCCESSION_DECIDE:
        if (!is_away(parent, PROCESS_DECIDE))
            return;
        break;
    case SUCCESSION_DIRECTORY:
    case SUCCESSION_FETCH:
    case SUCCESSION_AUDIT:
    case SUCCESSION_NEW_DECIDE:
    case SUCCESSION_SPAWN:
        if (!is_renewed(parent, steps[step].role))
            return;
        break;
    case SUCCESSION_NONE:
    case SUCCESSION_LOAD:
    case SUCCESSION_DONE:
    case SUCCESSION_FAILED:
        return;
    }
    enter(parent, (enum succession_step)(step + 1));
}

void succession_loaded(struct parent *parent)
{
    struct error err;

    if (parent->succession.step != SUCCESSION_LOAD)
        return;
    for (size_t i = 0; i < LOADED__COUNT; i++)
        if (parent->loading.stopped[i] || parent->loaded[i].fd < 0) {
            (void)err_set(&err, REASON_UPGRADE_REFUSED, "load refuses files; see load_errors");
            give_up(parent, &err);
            return;
        }
    enter(parent, SUCCESSION_KEY);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct parent *parent = timer->data;
    enum succession_step step = parent->succession.step;
    struct child *old;
    struct error err;

    (void)events;
    if (step == SUCCESSION_KEY || step == SUCCESSION_EDGES) {
        end_new(parent, steps[step].role);
        if (step == SUCCESSION_EDGES)
            sockets_assign_back(&parent->sockets);
        (void)err_set(&err, REASON_SYSTEM, "new processes do not get ready");
        give_up(parent, &err);
        return;
    }
    old = old_one(parent);
    if (old)
        child_replace(old);
    ev_timer_set(timer, steps[step].deadline_s, 0.0); /* a new one is started until it lives */
    ev_timer_start(loop, timer);
}

bool succession_holds(const struct parent *parent, enum process_role role)
{
    enum succession_step step = parent->succession.step;

    return role == PROCESS_DECIDE && (step == SUCCESSION_DECIDE || step == SUCCESSION_AUDIT);
}

bool succession_runs(const struct parent *parent)
{
    enum succession_step step = parent->succession.step;

    return step != SUCCESSION_NONE && step != SUCCESSION_DONE && step != SUCCESSION_FAILED;
}

const char *succession_step_name(const struct parent *parent)
{
    return steps[parent->succession.step].name;
}

void succession_init(struct parent *parent)
{
    ev_init(&parent->succession.deadline, on_deadline);
    parent->succession.deadline.data = parent;
}

void succession_begin(struct parent *parent, uint32_t n_edges)
{
    parent->succession.n_edges = n_edges;
    parent->succession.began_ms = clock_monotonic_ms();
    enter(parent, SUCCESSION_LOAD);
    loading_begin(parent, parent->config);
}
