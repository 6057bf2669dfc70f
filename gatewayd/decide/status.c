/*
 * The status as decide knows it, put into the parent's. Runs in decide for `gatewayctl status`.
 */
#include "common/clock.h"
#include "gatewayd/decide/decide.h"

#include <jansson.h>

enum { STATUS_MAX = 56000 /* the JSON field of a reply has 60,000 octets */ };

static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);

    return json ? json : json_string("?"); /* no valid UTF-8 */
}

void denial_note(struct decide *decide, const struct session *session, enum reason reason,
                 struct bytes login)
{
    struct decide_denial *denial = &decide->denials[decide->n_denials++ % DECIDE_DENIALS_KEPT];

    *denial = (struct decide_denial){.at_ms = clock_realtime_ms(), .reason = reason};
    (void)snprintf(denial->login, sizeof(denial->login), "%.*s",
                   login.len > REGISTRY_USER_MAX ? REGISTRY_USER_MAX : (int)login.len,
                   (const char *)login.at);
    decide->counters.denied++;
    if (!session)
        return;
    denial->id = session->id;
    (void)snprintf(denial->user, sizeof(denial->user), "%s", session->user);
    (void)snprintf(denial->service, sizeof(denial->service), "%.63s",
                   (const char *)session->open.service_name.at);
    address_format_port(&session->open.source, denial->source);
}

struct count {
    json_int_t opening, live, ending, unconfirmed, held;
};

static void count_one(void *context, struct session *session)
{
    struct count *count = context;

    count->opening += session->state == SESSION_OPENING;
    count->live += session->state == SESSION_LIVE;
    count->ending += session->state == SESSION_ENDING;
    count->unconfirmed += session->state == SESSION_LIVE && session->pam == SESSION_PAM_WAITING;
    count->held += session->state == SESSION_LIVE && session->held;
}

static json_t *sessions_json(struct decide *decide)
{
    struct count count = {0};

    sessions_each(decide->sessions, count_one, &count);
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "opening", count.opening, "live", count.live,
                     "ending", count.ending, "unconfirmed", count.unconfirmed, "pending_end",
                     count.held);
}

static json_t *directory_json(const struct decide *decide)
{
    int64_t age_ms = directory_age_ms(decide);
    json_t *json;

    if (!decide_directory(decide))
        return json_null();
    json = json_pack(
        "{s:s,s:I,s:I,s:I}", "state", reason_name(decide->directory_state), "users",
        (json_int_t)(decide->replica ? replica_count(decide->replica, REPLICA_USER) : 0), "groups",
        (json_int_t)(decide->replica ? replica_count(decide->replica, REPLICA_GROUP) : 0), "hosts",
        (json_int_t)(decide->replica ? replica_count(decide->replica, REPLICA_HOST) : 0));
    (void)json_object_set_new(json, "server", text_json(decide->directory_server));
    (void)json_object_set_new(json, "age_s",
                              age_ms == INT64_MAX ? json_null() : json_integer(age_ms / 1000));
    return json;
}

static json_t *audit_json(const struct decide *decide)
{
    return json_pack("{s:s,s:b,s:I,s:I}", "state", reason_name(ledger_state(decide->ledger)),
                     "ready", ledger_is_ready(decide->ledger), "waiting",
                     (json_int_t)ledger_waiting(decide->ledger), "lost",
                     (json_int_t)ledger_lost(decide->ledger));
}

static json_t *denials_json(const struct decide *decide)
{
    static const struct session_id none;
    json_t *list = json_array();
    size_t n = decide->n_denials < DECIDE_DENIALS_KEPT ? decide->n_denials : DECIDE_DENIALS_KEPT;

    for (size_t i = 1; i <= n; i++) { /* newest first */
        const struct decide_denial *denial =
            &decide->denials[(decide->n_denials - i) % DECIDE_DENIALS_KEPT];
        char id[SESSION_ID_TEXT_LEN + 1];
        json_t *json;

        json = json_pack("{s:I,s:s,s:s}", "time_ms", (json_int_t)denial->at_ms, "reason",
                         reason_name(denial->reason), "source", denial->source);
        if (!session_id_equal(&denial->id, &none)) {
            session_id_format(&denial->id, id);
            (void)json_object_set_new(json, "id", json_string(id));
        }
        (void)json_object_set_new(json, "user", text_json(denial->user));
        (void)json_object_set_new(json, "service", text_json(denial->service));
        if (denial->login[0] != '\0')
            (void)json_object_set_new(json, "login", text_json(denial->login));
        (void)json_array_append_new(list, json);
    }
    return list;
}

static json_t *refusals_json(const struct decide *decide)
{
    json_t *list = json_array();
    size_t n = decide->n_refusals < DECIDE_DENIALS_KEPT ? decide->n_refusals : DECIDE_DENIALS_KEPT;

    for (size_t i = 1; i <= n; i++) { /* newest first */
        const struct decide_refusal *refusal =
            &decide->refusals[(decide->n_refusals - i) % DECIDE_DENIALS_KEPT];
        json_t *json = json_pack("{s:I,s:s,s:s,s:I}", "time_ms", (json_int_t)refusal->at_ms,
                                 "reason", reason_name(refusal->reason), "source", refusal->source,
                                 "count", (json_int_t)refusal->count);

        (void)json_object_set_new(json, "detail", text_json(refusal->detail));
        (void)json_array_append_new(list, json);
    }
    return list;
}

static size_t count_locks(const struct decide *decide)
{
    size_t n = 0;

    while (locks_at(decide->locks, n))
        n++;
    return n;
}

static json_t *counters_json(const struct decide_counters *counters)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "opened", (json_int_t)counters->opened, "allowed",
                     (json_int_t)counters->allowed, "denied", (json_int_t)counters->denied, "ended",
                     (json_int_t)counters->ended, "refused_handshakes",
                     (json_int_t)counters->refused_handshakes, "judged",
                     (json_int_t)counters->judged);
}

static json_t *alarms_json(const struct decide *decide)
{
    json_t *list = json_array();

    if (decide->alarm[0] != '\0')
        (void)json_array_append_new(list, text_json(decide->alarm));
    if (!ledger_is_ready(decide->ledger))
        (void)json_array_append_new(list, text_json(reason_text(REASON_AUDIT_UNAVAILABLE)));
    if (decide_directory(decide) &&
        directory_age_ms(decide) > decide_directory(decide)->max_stale * 1000)
        (void)json_array_append_new(list, text_json(reason_text(REASON_DIRECTORY_STALE)));
    if (!decide->policy)
        (void)json_array_append_new(list, text_json(reason_text(REASON_POLICY_MISSING)));
    return list;
}

static const char *target_state(const struct target *target)
{
    if (!target->tried)
        return "unknown";
    return target->down ? "down" : "up";
}

static void add_upstream(void *context, const char *service, const struct target *target)
{
    json_t *list = context, *json;

    if (json_array_size(list) >= POOLS_SHOWN_MAX)
        return;
    json = json_pack("{s:s,s:s,s:I}", "service", service, "state", target_state(target), "sessions",
                     (json_int_t)target->n_sessions);
    (void)json_object_set_new(json, "upstream", text_json(target->where));
    if (target->since_ms > 0)
        (void)json_object_set_new(json, "since_ms", json_integer(target->since_ms));
    if (target->down)
        (void)json_object_set_new(json, "detail", text_json(target->why));
    (void)json_array_append_new(list, json);
}

static json_t *upstreams_json(const struct decide *decide)
{
    json_t *list = json_array();

    pools_each(decide->pools, add_upstream, list);
    return list;
}

bool status_print(struct decide *decide, struct bytes parent, struct writer *out)
{
    json_t *json = json_loadb((const char *)parent.at, parent.len, 0, NULL);
    AUTO(char_freep) char *text = NULL;

    if (!json_is_object(json)) {
        json_decref(json);
        json = json_object();
    }
    (void)json_object_set_new(json, "time_ms", json_integer(clock_realtime_ms()));
    (void)json_object_set_new(json, "ready", json_boolean(decide->ready));
    (void)json_object_set_new(json, "sessions", sessions_json(decide));
    (void)json_object_set_new(json, "directory", directory_json(decide));
    (void)json_object_set_new(json, "audit", audit_json(decide));
    (void)json_object_set_new(json, "upstreams", upstreams_json(decide));
    (void)json_object_set_new(json, "locks", json_integer((json_int_t)count_locks(decide)));
    (void)json_object_set_new(json, "decisions", counters_json(&decide->counters));
    (void)json_object_set_new(json, "denials", denials_json(decide));
    (void)json_object_set_new(json, "refused_handshakes", refusals_json(decide));
    (void)json_object_set_new(json, "alarms", alarms_json(decide));
    text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    if (!text || strlen(text) > STATUS_MAX)
        return false;
    writer_text(out, text);
    return writer_ok(out);
}
