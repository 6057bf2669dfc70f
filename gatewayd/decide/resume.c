/*
 * A new decide takes over what the one before has left: the registry says which sessions were
 * allowed, the edges hand back those that they still relay. Unknown on either side means ended.
 * Runs in decide, once, before any verdict is given.
 */
#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/decide/connect.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

/* A session of the registry that no edge has handed back yet. */
struct left {
    struct session_id id;
    uint32_t place;
    struct registry_record record;
    UT_hash_handle hh;
};

/* A close record of a session that is gone: its place is given back when it is durable. */
struct farewell {
    struct decide *decide;
    uint32_t place;
    struct ledger_wait wait;
};

struct resume {
    struct decide *decide;
    struct left *left;
    bool needed[DECIDE_EDGES_MAX]; /* edges that held sessions and have not said that this is all */
    size_t n_resumed;
    ev_timer limit, data; /* the second looks whether there is something to decide on */
    int64_t data_until_ms;
};

static void give_back(struct decide *decide, uint32_t place)
{
    struct registry_record nothing = {.state = REGISTRY_FREE};

    registry_write(decide->registry, place, &nothing);
}

static void durable(void *context)
{
    struct farewell *farewell = context;

    give_back(farewell->decide, farewell->place);
    free(farewell);
}

static void write_close(struct decide *decide, uint32_t place, const struct registry_record *record,
                        enum reason reason)
{
    struct farewell *farewell = xcalloc(1, sizeof(*farewell));

    farewell->decide = decide;
    farewell->place = place;
    farewell->wait.done = durable;
    farewell->wait.context = farewell;
    if (record_lost(decide, record, reason, &farewell->wait))
        return;
    durable(farewell);
}

/* --- the registry ----------------------------------------------------------------------------- */

static void add_left(struct resume *resume, uint32_t place, const struct registry_record *record)
{
    struct left *left = xcalloc(1, sizeof(*left));

    left->id = record->id;
    left->place = place;
    left->record = *record;
    HASH_ADD(hh, resume->left, id, sizeof(left->id), left);
    if (record->edge_slot < DECIDE_EDGES_MAX)
        resume->needed[record->edge_slot] = true;
}

static void take_record(struct resume *resume, uint32_t place, const struct registry_record *record)
{
    struct decide *decide = resume->decide;

    if (record->state == REGISTRY_LIVE)
        add_left(resume, place, record);
    else if (record->state == REGISTRY_CLOSED)
        write_close(decide, place, record, (enum reason)record->close_reason);
    else if (record->recorded)
        write_close(decide, place, record, REASON_DECIDE_LOST);
    else
        give_back(decide, place);
}

static void drop_left(struct resume *resume, struct left *left)
{
    HASH_DEL(resume->left, left);
    free(left);
}

/* What no edge knows any more has ended, whatever it was. */
static void finish(struct resume *resume)
{
    struct decide *decide = resume->decide;
    size_t n_lost = HASH_COUNT(resume->left);

    ev_timer_stop(decide->loop, &resume->limit);
    while (resume->left) {
        write_close(decide, resume->left->place, &resume->left->record, REASON_EDGE_LOST);
        drop_left(resume, resume->left);
    }
    if (n_lost > 0 || resume->n_resumed > 0)
        log_event(LOG_LEVEL_INFO, "resumed", "sessions=%zu lost=%zu", resume->n_resumed, n_lost);
    decide->ready = true;
    if (registry_used(decide->registry) == 0) { /* the first decide: nobody knew better before */
        decide_serve(decide);
        return;
    }
    resume->data_until_ms = clock_monotonic_ms() + DECIDE_DATA_MS;
    ev_timer_again(decide->loop, &resume->data);
}

static bool has_data(const struct decide *decide)
{
    return decide->policy && (decide->replica || !decide_directory(decide)) &&
           ledger_is_ready(decide->ledger);
}

/* New connections would be denied for want of what is on its way; they wait for it instead. */
static void on_data(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct resume *resume = timer->data;

    (void)events;
    if (!has_data(resume->decide) && clock_monotonic_ms() < resume->data_until_ms)
        return;
    ev_timer_stop(loop, timer);
    decide_serve(resume->decide);
}

static bool waits_for_edges(const struct resume *resume)
{
    for (size_t i = 0; i < DECIDE_EDGES_MAX; i++)
        if (resume->needed[i])
            return true;
    return false;
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    finish(timer->data);
}

struct resume *resume_new(struct decide *decide)
{
    struct resume *resume = xcalloc(1, sizeof(*resume));

    resume->decide = decide;
    ev_init(&resume->limit, on_limit);
    ev_init(&resume->data, on_data);
    resume->data.repeat = 0.005;
    resume->limit.data = resume->data.data = resume;
    return resume;
}

struct resume *resume_free(struct resume *resume)
{
    if (!resume)
        return NULL;
    ev_timer_stop(resume->decide->loop, &resume->limit);
    ev_timer_stop(resume->decide->loop, &resume->data);
    while (resume->left)
        drop_left(resume, resume->left);
    free(resume);
    return NULL;
}

void resume_begin(struct decide *decide)
{
    struct resume *resume = decide->resume;

    for (uint32_t place = 0; place < registry_used(decide->registry); place++) {
        struct registry_record record;

        if (registry_read(decide->registry, place, &record))
            take_record(resume, place, &record);
    }
    if (!resume->left) {
        finish(resume);
        return;
    }
    ev_timer_set(&resume->limit, DECIDE_RESUME_MS / 1000.0, 0.0);
    ev_timer_start(decide->loop, &resume->limit);
}

void resume_done(struct decide *decide, uint32_t edge_slot)
{
    if (decide->ready || edge_slot >= DECIDE_EDGES_MAX)
        return;
    decide->resume->needed[edge_slot] = false;
    if (!waits_for_edges(decide->resume))
        finish(decide->resume);
}

/* --- one session ------------------------------------------------------------------------------ */

static bool is_the_same(const struct left *left, uint32_t edge_slot,
                        const struct message_open *open)
{
    struct hash leaf;

    SHA256(open->leaf.at, open->leaf.len, leaf.octets);
    return left->record.edge_slot == edge_slot && left->record.connection == open->connection &&
           bytes_equal(open->service_name, bytes_of(left->record.service)) &&
           memcmp(leaf.octets, left->record.leaf.octets, HASH_LEN) == 0;
}

static void refuse(struct decide *decide, uint32_t edge_slot, const struct session_id *id,
                   uint64_t connection, int fd)
{
    struct message_end end = {
        .connection = connection, .session = *id, .reason = REASON_DECIDE_LOST};

    if (decide->edges[edge_slot])
        (void)!channel_send(decide->edges[edge_slot], MESSAGE_END, &end, -1);
    if (fd < 0)
        return;
    (void)shutdown(fd, SHUT_RDWR);
    (void)close(fd);
}

static void restore(struct session *session, const struct left *left, int fd)
{
    const struct registry_record *record = &left->record;

    session->id = record->id;
    session->place = left->place;
    session->state = SESSION_LIVE; /* in no table yet */
    session->recorded = true;
    session->connected = true;
    session->upstream = fd;
    connect_resume(session, record->target);
    session->parts = record->parts;
    session->valid_until_s = record->valid_until_s;
    session->pam =
        record->pam <= SESSION_PAM_ENDED ? (enum session_pam)record->pam : SESSION_PAM_WAITING;
    session->confirm_deadline_ms = record->confirm_deadline_ms;
    session->grant_deadline_ms = clock_monotonic_ms(); /* grants are void: they were in memory */
    session->login_pid = record->login_pid;
    session->login_uid = record->login_uid;
    session->login_start_time = record->login_start_time;
    session_set_text(session, &session->login, record->login);
}

static bool rebuild(struct decide *decide, uint32_t edge_slot, const struct left *left,
                    const struct message_open *open, int fd)
{
    struct session *session = session_new(decide, edge_slot, open);
    struct error err;

    session->place = UINT32_MAX; /* the place stays the registry's until all is well */
    if (!identity_cache_get(decide->identities, open->leaf, &session->identity, &err)) {
        session_free(session);
        return false;
    }
    session_forget_leaf(session);
    restore(session, left, fd);
    sessions_add(decide->sessions, session);
    sessions_set_user(decide->sessions, session, left->record.user);
    session_save(session, REGISTRY_LIVE);
    session_watch(session);
    reevaluate_session(session, CAUSE_DIRECTORY);
    return true;
}

/* An edge of another version has written it in that version's form. */
static bool decode_open(const struct decide *decide, uint32_t edge_slot, struct bytes octets,
                        struct message_open *ret_open)
{
    const struct channel *edge = decide->edges[edge_slot];
    union message msg;
    enum message_id id;
    struct error err;
    bool good = edge && channel_same_table(edge) ? message_decode(octets, &id, &msg, &err)
                                                 : message_decode_other(octets, &id, &msg, &err);

    if (!good || id != MESSAGE_OPEN)
        return false;
    *ret_open = msg.open;
    return true;
}

void resume_session(struct decide *decide, uint32_t edge_slot, const struct message_resume *msg,
                    int fd)
{
    struct resume *resume = decide->resume;
    union message open = {.open = {.connection = 0}};
    struct left *left;
    bool decoded = decode_open(decide, edge_slot, msg->open, &open.open);

    HASH_FIND(hh, resume->left, &msg->session, sizeof(msg->session), left);
    if (decide->ready || !decoded || !left || !is_the_same(left, edge_slot, &open.open) ||
        !rebuild(decide, edge_slot, left, &open.open, fd)) {
        log_event(LOG_LEVEL_WARNING, "resume_refused", "edge=%u", edge_slot);
        refuse(decide, edge_slot, &msg->session, decoded ? open.open.connection : 0, fd);
        return;
    }
    resume->n_resumed++;
    drop_left(resume, left);
}
