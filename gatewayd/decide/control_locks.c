/*
 * Locks as gatewayctl asks for them. Runs in decide; a lock is durable before it is answered, and
 * the sessions that it ends are due to be judged by then.
 */
#include "common/clock.h"
#include "common/text.h"
#include "gatewayd/decide/control.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <strings.h>

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
    control_record(decide, request, detail, REASON_OK);
    sessions_each(decide->sessions, lock_one, &locking);
    reply_lock(decide, request, lock, id, locking.n);
}

void control_add_lock(struct decide *decide, struct local_request *request)
{
    const struct protocol_message *msg = &request->msg;
    AUTO(char_freep) char *value = xtext(msg->lock_value);
    AUTO(char_freep) char *message = xtext(msg->text);
    char who[CONTROL_WHO_MAX];
    struct lock lock = {
        .value = value,
        .message = message,
        .who = who,
        .created_s = clock_realtime_s(),
        .expires_s = msg->expires_s == PROTOCOL_NO_NUMBER ? INT64_MAX : (int64_t)msg->expires_s};
    const char *wrong;

    control_who(request, who);
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

void control_list_locks(struct decide *decide, struct local_request *request)
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
        if (octets < CONTROL_JSON_MAX)
            (void)json_array_append_new(list, lock_json(lock));
    }
    control_reply_json(request, json_pack("{s:o}", "locks", list), &reply);
}

void control_remove_lock(struct decide *decide, struct local_request *request)
{
    char who[CONTROL_WHO_MAX], detail[ERROR_DETAIL_MAX];
    struct error err;

    control_who(request, who);
    if (!decide->locks ||
        !locks_remove(decide->locks, request->msg.lock_id, who, clock_realtime_s(), &err)) {
        local_refuse(request, PROTOCOL_ERROR, decide->locks ? err.reason : REASON_NOT_FOUND, "");
        return;
    }
    (void)snprintf(detail, sizeof(detail), "lock remove %.*s", (int)request->msg.lock_id.len,
                   (const char *)request->msg.lock_id.at);
    control_record(decide, request, detail, REASON_OK);
    control_reply_count(request, 1);
}
