/*
 * The facts of a session as the policy asks for them, and the same as JSON for the record. Runs in
 * decide. What is not known is said to be unknown; it never becomes something better on the way.
 */
#include "gatewayd/decide/decide.h"

#include "common/clock.h"
#include "common/text.h"

enum {
    VALUES_SHOWN = 64,     /* of one fact in a record, which has room for 64 KiB in all */
    CLOCK_STEP_MS = 60000, /* architecture.md, "clock steps back" */
};

const struct config_directory *decide_directory(const struct decide *decide)
{
    const struct config *config = decide->role->config;

    return config->n_directory > 0 ? &config->directory[0] : NULL;
}

/* A clock that stands before what the directory said has stepped back: nobody knows the age then,
 * until the next answer comes. */
int64_t directory_age_ms(const struct decide *decide)
{
    int64_t now_ms = clock_realtime_ms();

    if (!decide->replica || now_ms < replica_as_of_ms(decide->replica) - CLOCK_STEP_MS)
        return INT64_MAX;
    return replica_age_ms(decide->replica, now_ms);
}

static uint32_t age_s(const struct session *session)
{
    int64_t age = session->directory_age_s;

    return age == AUDIT_NO_NUMBER || age < 0 ? 0 : age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
}

static void one_value(struct decide *decide, enum policy_fact_id id, const char *value,
                      const char *source)
{
    decide->fact_values[id] = value;
    decide->request.facts[id] = (struct policy_fact){.state = POLICY_PRESENT,
                                                     .values = &decide->fact_values[id],
                                                     .n_values = 1,
                                                     .source = source};
}

static void no_value(struct decide *decide, enum policy_fact_id id, enum policy_fact_state state,
                     const char *source)
{
    decide->request.facts[id] = (struct policy_fact){.state = state, .source = source};
}

/* Who: the account's name and groups; nobody; or one of several whom the login name will choose. */
static void person_facts(struct session *session, bool confirmed)
{
    struct decide *decide = session->decide;
    const struct account *account = session->account;
    enum policy_fact_state without = !session->by_name ? POLICY_ABSENT
                                     : confirmed       ? POLICY_LATER
                                                       : POLICY_UNKNOWN;

    if (!account) {
        no_value(decide, POLICY_FACT_USERS, without, "directory");
        no_value(decide, POLICY_FACT_GROUPS, without, "directory");
        return;
    }
    one_value(decide, POLICY_FACT_USERS, account->name, "directory");
    decide->request.facts[POLICY_FACT_USERS].age_s = age_s(session);
    decide->request.facts[POLICY_FACT_GROUPS] =
        (struct policy_fact){.state = account->n_groups ? POLICY_PRESENT : POLICY_ABSENT,
                             .values = session->groups,
                             .n_values = account->n_groups,
                             .source = "directory",
                             .age_s = age_s(session)};
}

static void login_fact(struct session *session, bool confirmed)
{
    struct decide *decide = session->decide;

    if (!confirmed)
        no_value(decide, POLICY_FACT_LOGIN_AS, POLICY_ABSENT, "host");
    else if (session->login[0] == '\0')
        no_value(decide, POLICY_FACT_LOGIN_AS, POLICY_LATER, "host");
    else
        one_value(decide, POLICY_FACT_LOGIN_AS, session->login, "host");
}

static bool clock_is_unsure(struct decide *decide, int64_t now_ms)
{
    if (now_ms > decide->clock_high_ms)
        decide->clock_high_ms = now_ms;
    return now_ms < decide->clock_high_ms - CLOCK_STEP_MS;
}

void decide_evaluate(struct session *session, const char *service, bool confirmed)
{
    struct decide *decide = session->decide;
    int64_t now_ms = clock_realtime_ms();

    decide->request = (struct policy_request){.now_s = now_ms / 1000,
                                              .source = session->open.source,
                                              .clock_unsure = clock_is_unsure(decide, now_ms),
                                              .brief = decide->memo != NULL};
    person_facts(session, confirmed);
    login_fact(session, confirmed);
    one_value(decide, POLICY_FACT_SERVICES, service, "connection");
    if (session->open.ca_name.len > 0)
        one_value(decide, POLICY_FACT_CA, (const char *)session->open.ca_name.at, "certificate");
    no_value(decide, POLICY_FACT_WINDOWS,
             decide->request.clock_unsure ? POLICY_UNKNOWN : POLICY_PRESENT, "clock");
    no_value(decide, POLICY_FACT_NETWORKS,
             session->open.source.known ? POLICY_PRESENT : POLICY_ABSENT, "connection");
    policy_evaluate(decide->policy, &decide->request, &decide->decision);
    decide->judged = session;
}

void decide_who_changed(struct decide *decide)
{
    if (++decide->who_stamp == 0)
        decide->who_stamp = 1;
}

void decide_forget_evaluation(struct decide *decide)
{
    if (!decide->judged)
        return;
    decide->judged = NULL;
    memset(&decide->request, 0, sizeof(decide->request));
    memset(&decide->decision, 0, sizeof(decide->decision));
}

/* --- JSON, keys sorted ------------------------------------------------------------------------ */

static void values_json(const struct policy_request *request, enum policy_fact_id id,
                        struct writer *out)
{
    const struct policy_fact *fact = &request->facts[id];
    char address[ADDRESS_TEXT_MAX], time[32];

    writer_text(out, "[");
    if (id == POLICY_FACT_WINDOWS) {
        text_format_time_ms(request->now_s * 1000, time);
        writer_printf(out, "\"%.19sZ\"", time);
    }
    if (id == POLICY_FACT_NETWORKS && request->source.known) {
        address_format(&request->source, address);
        audit_json_text(bytes_of(address), out);
    }
    for (size_t i = 0; i < fact->n_values && i < VALUES_SHOWN; i++) {
        writer_text(out, i ? "," : "");
        audit_json_text(bytes_of(fact->values[i]), out);
    }
    writer_text(out, "]");
}

static void fact_json(const struct policy_request *request, enum policy_fact_id id,
                      struct writer *out)
{
    const struct policy_fact *fact = &request->facts[id];

    writer_printf(out, "{\"age_s\":%u,\"name\":\"%s\",\"source\":\"%s\",\"state\":\"%s\"",
                  fact->age_s, policy_fact_name(id), fact->source ? fact->source : "",
                  policy_fact_state_name(fact->state));
    writer_text(out, ",\"values\":");
    values_json(request, id, out);
    writer_text(out, "}");
}

void facts_json(const struct decide *decide, struct writer *out)
{
    bool first = true;

    writer_text(out, "[");
    for (size_t id = 0; id < POLICY_FACT__COUNT; id++) {
        if (!(decide->decision.tested & POLICY_FACT_BIT(id)))
            continue;
        writer_text(out, first ? "" : ",");
        fact_json(&decide->request, (enum policy_fact_id)id, out);
        first = false;
    }
    writer_text(out, "]");
}

void misses_json(const struct decide *decide, struct writer *out)
{
    writer_text(out, "[");
    for (size_t i = 0; i < decide->decision.n_misses; i++) {
        const struct policy_miss *miss = &decide->decision.misses[i];

        writer_text(out, i ? ",{\"detail\":" : "{\"detail\":");
        audit_json_text(bytes_of(miss->detail), out);
        writer_text(out, ",\"file\":");
        audit_json_text(bytes_of(miss->file), out);
        writer_printf(out, ",\"line\":%u,\"rule\":", miss->line);
        audit_json_text(bytes_of(miss->rule), out);
        writer_text(out, "}");
    }
    writer_text(out, "]");
}
