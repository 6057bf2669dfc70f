/*
 * What gatewayctl asks. Runs in decide; the rights were checked by the table of protocol_rows.h.
 * Everything that changes something leaves a record with the name of who did it.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "gatewayd/decide/session_filter.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <strings.h>
#include <utlist.h>

enum {
    JSON_MAX = 58000, /* of the reply's 60,000 */
    WHO_MAX = 96,
    WHY_MAX = 300,
};

/* Of a reload, until the sessions have been judged under it. */
struct late_answer {
    struct message_answer answer; /* its text is owned */
    struct late_answer *next;
};

/* Names cannot be looked up in the sandbox: numbers do not lie either. */
static void who_text(const struct local_request *request, char out[WHO_MAX])
{
    const struct local_peer *peer = &request->peer;

    if (peer->login_uid != UINT32_MAX && peer->login_uid != peer->uid)
        (void)snprintf(out, WHO_MAX, "uid %u, logged in as uid %u, pid %u", peer->uid,
                       peer->login_uid, peer->pid);
    else
        (void)snprintf(out, WHO_MAX, "uid %u, pid %u", peer->uid, peer->pid);
}

static void record_admin(struct decide *decide, const struct local_request *request,
                         const char *detail, enum reason reason)
{
    char who[WHO_MAX];
    struct record_extra extra = {.who = who, .detail = detail, .reason = reason};

    who_text(request, who);
    (void)record_event(decide, RECORD_ADMIN, &extra); /* a loss is counted by the ledger */
}

static void reply_count(struct local_request *request, size_t count)
{
    struct protocol_message reply;

    protocol_message_init(&reply, PROTOCOL_OK);
    reply.count = count;
    local_reply(request, &reply);
}

static void reply_json(struct local_request *request, json_t *json, struct protocol_message *reply)
{
    AUTO(char_freep) char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

    json_decref(json);
    if (!text || strlen(text) > JSON_MAX) {
        local_refuse(request, PROTOCOL_ERROR, REASON_SYSTEM, "the answer is too large");
        return;
    }
    reply->json = bytes_of(text);
    local_reply(request, reply);
}

/* --- through the parent ----------------------------------------------------------------------- */

static void ask_parent(struct decide *decide, struct local_request *request, enum ask_what what)
{
    struct message_ask ask = {.cookie = request->cookie, .what = (uint8_t)what};

    if (!channel_send(decide->role->parent, MESSAGE_ASK, &ask, -1))
        local_refuse(request, PROTOCOL_ERROR, REASON_OVERLOADED, "");
}

static void status(struct decide *decide, struct local_request *request)
{
    ask_parent(decide, request, ASK_STATUS);
}

static void reload(struct decide *decide, struct local_request *request)
{
    record_admin(decide, request, "reload", REASON_OK);
    ask_parent(decide, request, ASK_RELOAD);
}

static void drain(struct decide *decide, struct local_request *request)
{
    record_admin(decide, request, "drain", REASON_OK);
    ask_parent(decide, request, ASK_DRAIN);
}

static void answer_status(struct decide *decide, struct local_request *request,
                          const struct message_answer *answer)
{
    AUTO(writer_clear) struct writer text = writer_new(JSON_MAX);
    struct protocol_message reply;

    protocol_message_init(&reply, PROTOCOL_OK);
    if (!status_print(decide, answer->text, &text)) {
        local_refuse(request, PROTOCOL_ERROR, REASON_SYSTEM, "the status is too large");
        return;
    }
    reply.json = writer_bytes(&text);
    local_reply(request, &reply);
}

/* A line each; what is not clean text is left out of the line. */
static void answer_lines(struct decide *decide, struct local_request *request,
                         const struct message_answer *answer)
{
    size_t held = request->msg.kind == PROTOCOL_CTL_RELOAD ? reevaluate_count_pending(decide) : 0;
    char held_line[96];
    struct protocol_message reply;
    struct bytes rest = answer->text;

    protocol_message_init(&reply, answer->reason == REASON_OK ? PROTOCOL_OK : PROTOCOL_ERROR);
    reply.reason = bytes_of(reason_name((enum reason)answer->reason));
    reply.text = bytes_of(reason_text((enum reason)answer->reason));
    while (rest.len > 0 && reply.row.n < PROTOCOL_ROWS_MAX) {
        const uint8_t *end = memchr(rest.at, '\n', rest.len);
        struct bytes line = {rest.at, end ? (size_t)(end - rest.at) : rest.len};

        rest =
            (struct bytes){rest.at + line.len + (end ? 1 : 0), rest.len - line.len - (end ? 1 : 0)};
        if (line.len > 0 && line.len < 700 && text_is_clean(line)) /* 64 of them fit */
            reply.row.at[reply.row.n++] = line;
    }
    if (held > 0 && reply.row.n < PROTOCOL_ROWS_MAX) {
        (void)snprintf(held_line, sizeof(held_line),
                       "%zu session%s held: gatewayctl sessions end --pending", held,
                       held == 1 ? "" : "s");
        reply.row.at[reply.row.n++] = bytes_of(held_line);
    }
    local_reply(request, &reply);
}

static void answer_late(struct decide *decide, const struct message_answer *answer)
{
    struct late_answer *late = xcalloc(1, sizeof(*late));

    late->answer = *answer;
    late->answer.text = xbytes(answer->text);
    LL_PREPEND(decide->late_answers, late);
}

static void drop_late(struct decide *decide, struct late_answer *late)
{
    LL_DELETE(decide->late_answers, late);
    free((void *)late->answer.text.at);
    free(late);
}

void control_pass_done(struct decide *decide)
{
    while (decide->late_answers) {
        control_answer(decide, &decide->late_answers->answer);
        drop_late(decide, decide->late_answers);
    }
}

void control_clear(struct decide *decide)
{
    while (decide->late_answers)
        drop_late(decide, decide->late_answers);
}

void control_answer(struct decide *decide, const struct message_answer *answer)
{
    struct local_request *request =
        decide->control ? local_server_find(decide->control, answer->cookie) : NULL;

    if (!request)
        return;
    if (request->msg.kind == PROTOCOL_CTL_STATUS)
        answer_status(decide, request, answer);
    else if (request->msg.kind == PROTOCOL_CTL_RELOAD && reevaluate_is_busy(decide))
        answer_late(decide, answer); /* the policy has come: what it ends or holds belongs to it */
    else
        answer_lines(decide, request, answer);
}

/* --- sessions --------------------------------------------------------------------------------- */

struct listing {
    const struct protocol_message *msg;
    json_t *list;
    size_t octets; /* of the list as JSON */
    bool begun;    /* behind `after` */
    struct session_id last;
    bool more;
};

static void list_one(void *context, struct session *session)
{
    struct listing *listing = context;
    json_t *one;

    if (!listing->begun) {
        listing->begun = session_id_equal(&session->id, &listing->msg->after);
        return;
    }
    if (listing->more || !session_filter_fits(listing->msg, session))
        return;
    one = session_filter_json(session);
    listing->octets += json_dumpb(one, NULL, 0, JSON_COMPACT) + 1;
    if (listing->octets > JSON_MAX - 64) {
        json_decref(one);
        listing->more = true;
        return;
    }
    (void)json_array_append_new(listing->list, one);
    listing->last = session->id;
}

static void list_sessions(struct decide *decide, struct local_request *request)
{
    static const struct session_id none;
    struct listing listing = {.msg = &request->msg, .list = json_array()};
    struct protocol_message reply;

    listing.begun = session_id_equal(&request->msg.after, &none);
    sessions_each(decide->sessions, list_one, &listing);
    protocol_message_init(&reply, PROTOCOL_OK);
    reply.count = json_array_size(listing.list);
    if (listing.more)
        reply.next = listing.last;
    reply_json(request, json_pack("{s:o}", "sessions", listing.list), &reply);
}

struct killing {
    const struct local_request *request;
    char who[WHO_MAX];
    char why[WHY_MAX];
    bool dry_run;
    size_t n;
};

static void kill_one(void *context, struct session *session)
{
    struct killing *killing = context;
    struct record_extra extra = {
        .who = killing->who, .detail = killing->why, .reason = REASON_KILLED};

    if (session->state != SESSION_LIVE || !session_filter_fits(&killing->request->msg, session))
        return;
    killing->n++;
    if (killing->dry_run)
        return;
    (void)record_session(session, RECORD_KILL, &extra); /* a loss is counted by the ledger */
    session_end(session, REASON_KILLED, killing->why);
}

static void kill_sessions(struct decide *decide, struct local_request *request)
{
    struct killing killing = {.request = request, .dry_run = request->msg.dry_run == 1};

    if (!session_filter_narrows(&request->msg)) {
        local_refuse(request, PROTOCOL_ERROR, REASON_USAGE, "say which sessions");
        return;
    }
    who_text(request, killing.who);
    (void)snprintf(killing.why, sizeof(killing.why), "%.*s", (int)request->msg.why.len,
                   (const char *)request->msg.why.at);
    sessions_each(decide->sessions, kill_one, &killing);
    reply_count(request, killing.n);
}

static void end_pending(struct decide *decide, struct local_request *request)
{
    size_t n;

    if (request->msg.dry_run == 1) {
        reply_count(request, reevaluate_count_pending(decide));
        return;
    }
    record_admin(decide, request, "sessions end --pending", REASON_OK);
    n = reevaluate_end_pending(decide);
    log_event(LOG_LEVEL_WARNING, "pending_ended", "sessions=%zu", n);
    reply_count(request, n);
}

/* --- locks ------------------------------------------------------------------------------------ */

struct locking {
    const struct lock *lock;
    size_t n;
};

static bool lock_fits(const struct lock *lock, const struct session *session)
{
    struct bytes value = bytes_of(lock->value);
    char id[SESSION_ID_TEXT_LEN + 1];

    session_id_format(&session->id, id);
    switch (lock->kind) {
    case LOCK_USER:
        return bytes_equal(value, bytes_of(session->user));
    case LOCK_GROUP:
        return session->account && account_in_group(session->account, value);
    case LOCK_CERTIFICATE:
        return session->identity &&
               bytes_equal(value, identity_text(session->identity, "cert!sha256"));
    case LOCK_ISSUER:
        return session->identity && bytes_equal(value, identity_text(session->identity, "issuer"));
    case LOCK_SERVICE:
        return bytes_equal(value, session->open.service_name);
    case LOCK_SESSION:
        return bytes_equal(value, bytes_of(id));
    case LOCK_KIND__COUNT:
        break;
    }
    return false;
}

static void lock_one(void *context, struct session *session)
{
    struct locking *locking = context;

    if (session->state > SESSION_LIVE || !lock_fits(locking->lock, session))
        return;
    locking->n++;
    reevaluate_session(session, CAUSE_LOCK);
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text |= 0x20;
}

/* NULL, or what is wrong with it. */
static const char *check_lock(const struct lock *lock)
{
    uint8_t octets[HASH_LEN];
    size_t len = strlen(lock->value), n;

    if (lock->kind == LOCK_CERTIFICATE &&
        (len != 2 * HASH_LEN || !text_unhex(bytes_of(lock->value), octets, &n)))
        return "a certificate is named by its SHA-256 in hex";
    if (lock->kind == LOCK_SESSION &&
        (len != SESSION_ID_TEXT_LEN || !text_unhex(bytes_of(lock->value), octets, &n)))
        return "a session is named by its id of 32 hex digits";
    return lock->expires_s <= lock->created_s ? "the lock would have ended already" : NULL;
}

struct group_search {
    const struct replica *replica;
    struct bytes name;
    bool found;
};

static bool look_at_group(void *context, const struct replica_entry *entry)
{
    struct group_search *search = context;
    char name[REPLICA_GROUP_NAME_MAX + 1];
    struct account_group group;

    search->found = replica_group(search->replica, entry, &group, name) &&
                    search->name.len == strlen(name) &&
                    strncasecmp(name, (const char *)search->name.at, search->name.len) == 0;
    return !search->found;
}

/* What the lock names, when nobody here knows it: it may come yet, or be misspelt. */
static const char *unknown_kind(const struct decide *decide, const struct lock *lock)
{
    struct group_search search = {.replica = decide->replica, .name = bytes_of(lock->value)};

    if (lock->kind == LOCK_SERVICE)
        return config_find_service(decide->role->config, lock->value) ? NULL : "service";
    if (!decide->replica)
        return NULL;
    if (lock->kind == LOCK_USER)
        return replica_find_user(decide->replica, search.name) ? NULL : "user";
    if (lock->kind != LOCK_GROUP)
        return NULL;
    replica_each(decide->replica, REPLICA_GROUP, look_at_group, &search);
    return search.found ? NULL : "group";
}

static void reply_lock(const struct decide *decide, struct local_request *request,
                       const struct lock *lock, const char *id, size_t n)
{
    const char *unknown = unknown_kind(decide, lock);
    struct protocol_message reply;
    char text[64];

    protocol_message_init(&reply, PROTOCOL_OK);
    reply.lock_id = bytes_of(id);
    reply.count = n;
    if (unknown) {
        (void)snprintf(text, sizeof(text), "no %s of that name is known", unknown);
        reply.text = bytes_of(text);
    }
    local_reply(request, &reply);
}

/* Durable first, then the sessions, then the answer. */
static void add_checked(struct decide *decide, struct local_request *request,
                        const struct lock *lock)
{
    struct locking locking = {.lock = lock};
    char id[LOCK_ID_LEN + 1], detail[ERROR_DETAIL_MAX];
    struct error err;

    locks_expire(decide->locks, clock_realtime_s());
    if (!locks_add(decide->locks, lock, id, &err)) {
        local_refuse(request, PROTOCOL_ERROR, err.reason, "");
        return;
    }
    (void)snprintf(detail, sizeof(detail), "lock add %s %s %.150s", id, lock_kind_name(lock->kind),
                   lock->value);
    record_admin(decide, request, detail, REASON_OK);
    sessions_each(decide->sessions, lock_one, &locking);
    reply_lock(decide, request, lock, id, locking.n);
}

static void add_lock(struct decide *decide, struct local_request *request)
{
    const struct protocol_message *msg = &request->msg;
    AUTO(char_freep) char *value = xtext(msg->lock_value);
    AUTO(char_freep) char *message = xtext(msg->text);
    char who[WHO_MAX];
    struct lock lock = {
        .value = value,
        .message = message,
        .who = who,
        .created_s = clock_realtime_s(),
        .expires_s = msg->expires_s == PROTOCOL_NO_NUMBER ? INT64_MAX : (int64_t)msg->expires_s};
    const char *wrong;

    who_text(request, who);
    if (!decide->locks || !lock_kind_from_name(msg->lock_kind, &lock.kind)) {
        local_refuse(request, PROTOCOL_ERROR, REASON_USAGE,
                     "user, group, certificate, issuer, service or session");
        return;
    }
    if (lock.kind == LOCK_CERTIFICATE || lock.kind == LOCK_SESSION)
        lower(value);
    wrong = check_lock(&lock);
    if (wrong)
        local_refuse(request, PROTOCOL_ERROR, REASON_USAGE, wrong);
    else
        add_checked(decide, request, &lock);
}

static json_t *lock_json(const struct lock *lock)
{
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "id", lock->id, "kind", lock_kind_name(lock->kind),
                  "value", lock->value, "message", lock->message, "who", lock->who, "created",
                  (json_int_t)lock->created_s);

    if (json && lock->expires_s != INT64_MAX)
        (void)json_object_set_new(json, "expires", json_integer(lock->expires_s));
    return json;
}

static void list_locks(struct decide *decide, struct local_request *request)
{
    json_t *list = json_array();
    const struct lock *lock;
    struct protocol_message reply;
    size_t octets = 0;

    locks_expire(decide->locks, clock_realtime_s());
    protocol_message_init(&reply, PROTOCOL_OK);
    reply.count = 0;
    for (size_t i = 0; (lock = locks_at(decide->locks, i)); i++) {
        reply.count++;
        /* JSON may double what it escapes; the newest beyond that are only counted. */
        octets += 2 * (strlen(lock->value) + strlen(lock->message)) + 300;
        if (octets < JSON_MAX)
            (void)json_array_append_new(list, lock_json(lock));
    }
    reply_json(request, json_pack("{s:o}", "locks", list), &reply);
}

static void remove_lock(struct decide *decide, struct local_request *request)
{
    char who[WHO_MAX], detail[ERROR_DETAIL_MAX];
    struct error err;

    who_text(request, who);
    if (!decide->locks ||
        !locks_remove(decide->locks, request->msg.lock_id, who, clock_realtime_s(), &err)) {
        local_refuse(request, PROTOCOL_ERROR, decide->locks ? err.reason : REASON_NOT_FOUND, "");
        return;
    }
    (void)snprintf(detail, sizeof(detail), "lock remove %.*s", (int)request->msg.lock_id.len,
                   (const char *)request->msg.lock_id.at);
    record_admin(decide, request, detail, REASON_OK);
    reply_count(request, 1);
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
    enum protocol_kind kind;
    void (*handle)(struct decide *decide, struct local_request *request);
} handlers[] = {
    {PROTOCOL_CTL_STATUS, status},
    {PROTOCOL_CTL_RELOAD, reload},
    {PROTOCOL_CTL_DRAIN, drain},
    {PROTOCOL_CTL_SESSIONS, list_sessions},
    {PROTOCOL_CTL_SESSION_KILL, kill_sessions},
    {PROTOCOL_CTL_SESSIONS_END_PENDING, end_pending},
    {PROTOCOL_CTL_LOCK_ADD, add_lock},
    {PROTOCOL_CTL_LOCK_LIST, list_locks},
    {PROTOCOL_CTL_LOCK_REMOVE, remove_lock},
};

void control_request(void *context, struct local_request *request)
{
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (handlers[i].kind == request->msg.kind) {
            handlers[i].handle(context, request);
            return;
        }
    }
    local_refuse(request, PROTOCOL_ERROR, REASON_MSG_MALFORMED, "");
}
