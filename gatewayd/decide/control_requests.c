/*
 * What gatewayctl asks. Runs in decide; the rights were checked by the table of protocol_rows.h.
 * Everything that changes something leaves a record with the name of who did it.
 */
#include "common/log.h"
#include "common/text.h"
#include "gatewayd/decide/control.h"
#include "gatewayd/decide/session_filter.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <utlist.h>

enum { WHY_MAX = 300 };

/* Of a reload, until the sessions have been judged under it. */
struct late_answer {
    struct message_answer answer; /* its text is owned */
    struct late_answer *next;
};

/* Names cannot be looked up in the sandbox: numbers do not lie either. */
void control_who(const struct local_request *request, char out[CONTROL_WHO_MAX])
{
    const struct local_peer *peer = &request->peer;

    if (peer->login_uid != UINT32_MAX && peer->login_uid != peer->uid)
        (void)snprintf(out, CONTROL_WHO_MAX, "uid %u, logged in as uid %u, pid %u", peer->uid,
                       peer->login_uid, peer->pid);
    else
        (void)snprintf(out, CONTROL_WHO_MAX, "uid %u, pid %u", peer->uid, peer->pid);
}

void control_record(struct decide *decide, const struct local_request *request, const char *detail,
                    enum reason reason)
{
    char who[CONTROL_WHO_MAX];
    struct record_extra extra = {.who = who, .detail = detail, .reason = reason};

    control_who(request, who);
    (void)record_event(decide, RECORD_ADMIN, &extra); /* a loss is counted by the ledger */
}

void control_reply_count(struct local_request *request, size_t count)
{
    struct protocol_message reply;

    protocol_message_init(&reply, PROTOCOL_OK);
    reply.count = count;
    local_reply(request, &reply);
}

void control_reply_json(struct local_request *request, json_t *json, struct protocol_message *reply)
{
    AUTO(char_freep) char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

    json_decref(json);
    if (!text || strlen(text) > CONTROL_JSON_MAX) {
        local_refuse(request, PROTOCOL_ERROR, REASON_SYSTEM, "the answer is too large");
        return;
    }
    reply->json = bytes_of(text);
    local_reply(request, reply);
}

/* --- through the parent ----------------------------------------------------------------------- */

static void ask_parent(struct decide *decide, struct local_request *request, enum ask_what what)
{
    const struct protocol_message *msg = &request->msg;
    struct message_ask ask = {
        .cookie = request->cookie, .what = (uint8_t)what, .path = msg->path, .now = msg->now == 1};

    if (msg->limit_s != PROTOCOL_NO_NUMBER)
        ask.seconds = (uint32_t)msg->limit_s;
    if (!channel_send(decide->role->parent, MESSAGE_ASK, &ask, -1))
        local_refuse(request, PROTOCOL_ERROR, REASON_OVERLOADED, "");
}

static void status(struct decide *decide, struct local_request *request)
{
    ask_parent(decide, request, ASK_STATUS);
}

static void reload(struct decide *decide, struct local_request *request)
{
    if (request->msg.dry_run == 1) { /* changes nothing */
        ask_parent(decide, request, ASK_PREVIEW);
        return;
    }
    control_record(decide, request, "reload", REASON_OK);
    ask_parent(decide, request, ASK_RELOAD);
}

static void drain(struct decide *decide, struct local_request *request)
{
    control_record(decide, request, request->msg.now == 1 ? "drain --now" : "drain", REASON_OK);
    ask_parent(decide, request, ASK_DRAIN);
}

static void upgrade(struct decide *decide, struct local_request *request)
{
    char detail[WHY_MAX];

    (void)snprintf(detail, sizeof(detail), "upgrade %.*s", (int)request->msg.path.len,
                   (const char *)request->msg.path.at);
    control_record(decide, request, detail, REASON_OK);
    ask_parent(decide, request, ASK_UPGRADE);
}

static void answer_status(struct decide *decide, struct local_request *request,
                          const struct message_answer *answer)
{
    AUTO(writer_clear) struct writer text = writer_new(CONTROL_JSON_MAX);
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
    if (listing->octets > CONTROL_JSON_MAX - 64) {
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
    control_reply_json(request, json_pack("{s:o}", "sessions", listing.list), &reply);
}

struct killing {
    const struct local_request *request;
    char who[CONTROL_WHO_MAX];
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
    control_who(request, killing.who);
    (void)snprintf(killing.why, sizeof(killing.why), "%.*s", (int)request->msg.why.len,
                   (const char *)request->msg.why.at);
    sessions_each(decide->sessions, kill_one, &killing);
    control_reply_count(request, killing.n);
}

static void end_pending(struct decide *decide, struct local_request *request)
{
    size_t n;

    if (request->msg.dry_run == 1) {
        control_reply_count(request, reevaluate_count_pending(decide));
        return;
    }
    control_record(decide, request, "sessions end --pending", REASON_OK);
    n = reevaluate_end_pending(decide);
    log_event(LOG_LEVEL_WARNING, "pending_ended", "sessions=%zu", n);
    control_reply_count(request, n);
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
    enum protocol_kind kind;
    void (*handle)(struct decide *decide, struct local_request *request);
} handlers[] = {
    {PROTOCOL_CTL_STATUS, status},
    {PROTOCOL_CTL_RELOAD, reload},
    {PROTOCOL_CTL_DRAIN, drain},
    {PROTOCOL_CTL_UPGRADE, upgrade},
    {PROTOCOL_CTL_SESSIONS, list_sessions},
    {PROTOCOL_CTL_SESSION_KILL, kill_sessions},
    {PROTOCOL_CTL_SESSIONS_END_PENDING, end_pending},
    {PROTOCOL_CTL_LOCK_ADD, control_add_lock},
    {PROTOCOL_CTL_LOCK_LIST, control_list_locks},
    {PROTOCOL_CTL_LOCK_REMOVE, control_remove_lock},
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
