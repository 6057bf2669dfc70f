/*
 * Status as JSON. Runs in the parent; counters of other processes are parsed and put in as JSON
 * again, so that none of them can break out of its place.
 */
#include "gatewayd/parent/status.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/list_sources.h"
#include "gatewayd/parent/lists.h"
#include "gatewayd/parent/succession.h"

#include <jansson.h>

enum { ERRORS_SHOWN = 50, LISTS_SHOWN = 100 };

void status_reply(struct parent *parent, uint64_t cookie, enum reason reason, struct bytes text)
{
    struct message_answer answer = {.cookie = cookie, .reason = reason, .text = text};

    children_tell(parent, PROCESS_DECIDE, MESSAGE_ANSWER, &answer, -1);
}

static const char *state_name(enum child_state state)
{
    static const char *const names[] = {[CHILD_AWAY] = "away",
                                        [CHILD_STARTING] = "starting",
                                        [CHILD_READY] = "ready",
                                        [CHILD_ENDING] = "ending"};

    return names[state];
}

static json_t *process_json(const struct child *child)
{
    int64_t up_ms = child->pid ? clock_monotonic_ms() - child->started_ms : 0;
    json_t *json =
        json_pack("{s:s,s:i,s:i,s:s,s:I,s:i}", "role", process_of(child->role)->name, "slot",
                  (int)child->slot, "pid", (int)child->pid, "state", state_name(child->state),
                  "uptime_s", (json_int_t)(up_ms / 1000), "restarts", (int)child->restarts);
    json_t *counters = child->counters ? json_loads(child->counters, 0, NULL) : NULL;

    if (counters)
        (void)json_object_set_new(json, "counters", counters);
    if (child->retired) {
        (void)json_object_set_new(json, "retired_ms", json_integer((json_int_t)child->retired_ms));
        (void)json_object_set_new(json, "sessions_left",
                                  json_incref(json_object_get(counters, "connections")));
    }
    (void)json_object_set_new(json, "program", json_integer((json_int_t)child->program));
    return json;
}

static json_t *processes_json(const struct parent *parent)
{
    json_t *list = json_array();

    (void)json_array_append_new(
        list,
        json_pack("{s:s,s:i,s:i,s:s,s:I,s:i}", "role", "parent", "slot", 0, "pid", (int)getpid(),
                  "state", "ready", "uptime_s",
                  (json_int_t)((clock_monotonic_ms() - parent->started_ms) / 1000), "restarts", 0));
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].wanted || parent->children[i].pid)
            (void)json_array_append_new(list, process_json(&parent->children[i]));
    return list;
}

static json_t *upgrade_json(const struct parent *parent)
{
    const struct succession *succession = &parent->succession;
    json_t *json = json_pack("{s:i,s:s}", "program", (int)parent->program, "step",
                             parent->upgrade.asked ? "check" : succession_step_name(parent));

    if (succession->step == SUCCESSION_FAILED)
        (void)json_object_set_new(json, "failure", json_string(succession->failure.detail));
    return json;
}

static json_t *loaded_json(const struct loaded *loaded, const char *count_name)
{
    const struct hash *version = &loaded->sent_version; /* the one that records carry */
    char hex[2 * HASH_LEN + 1];

    if (loaded->fd < 0)
        return json_null();
    text_hex((struct bytes){version->octets, HASH_LEN}, hex);
    return json_pack("{s:I,s:s,s:I}", "generation", (json_int_t)loaded->generation, "version", hex,
                     count_name, (json_int_t)loaded->count);
}

/* Details may hold outside text: what is no UTF-8 is shown as the logger would show it. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);

    return json ? json : json_string(log_quoted(bytes_of(text)));
}

static json_t *errors_json(const struct load_errors *errors)
{
    json_t *list = json_array();

    for (size_t i = 0; i < errors->n && i < ERRORS_SHOWN; i++) {
        const struct load_error *error = &errors->at[i];
        json_t *json =
            json_pack("{s:I,s:s,s:b}", "line", (json_int_t)error->line, "reason",
                      reason_name(error->err.reason), "warning", error->kind >= LOADED__COUNT);

        (void)json_object_set_new(json, "file", text_json(error->file));
        (void)json_object_set_new(json, "detail", text_json(error->err.detail));
        (void)json_array_append_new(list, json);
    }
    return list;
}

/* Old ones first. */
static json_t *lists_json(const struct parent *parent, json_t *warnings)
{
    json_t *list = json_array();
    int64_t now_s = clock_realtime_s();

    for (int old = 1; old >= 0; old--)
        for (size_t i = 0; i < parent->lists.n; i++) {
            const struct crl_list *crl = &parent->lists.at[i];
            json_t *json;

            if (lists_is_old(parent, crl, now_s) != (old == 1) ||
                json_array_size(list) == LISTS_SHOWN)
                continue;
            json = json_pack("{s:s,s:I,s:I,s:I,s:I}", "ca", crl->ca, "age_s",
                             (json_int_t)(now_s - crl->this_update_s), "left_s",
                             (json_int_t)(crl->next_update_s - now_s), "this_update_s",
                             (json_int_t)crl->this_update_s, "next_update_s",
                             (json_int_t)crl->next_update_s);
            (void)json_object_set_new(json, "issuer", text_json(crl->issuer));
            (void)json_array_append_new(list, json);
            if (old == 1)
                (void)json_array_append_new(
                    warnings,
                    json_sprintf("ca %s: the revocation list of %s is past its nextUpdate", crl->ca,
                                 crl->issuer));
        }
    return list;
}

void status_answer(struct parent *parent, uint64_t cookie)
{
    const struct loaded *policy = &parent->loaded[LOADED_POLICY];
    json_t *json = json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:{s:I,s:I},s:b,s:i,s:o}", "processes", processes_json(parent),
        "trust", loaded_json(&parent->loaded[LOADED_TRUST], "anchors"), "policy",
        loaded_json(policy, "rules"), "load_errors", errors_json(&parent->load_errors),
        "reload_errors", errors_json(&parent->reload_errors), "config", "generation",
        (json_int_t)parent->generation, "reloaded_ms", (json_int_t)parent->reloaded_ms, "draining",
        parent->draining, "logins", (int)parent->n_logins, "upgrade", upgrade_json(parent));
    AUTO(char_freep) char *text = NULL;

    if (json) {
        json_t *warnings = json_array();

        (void)json_object_set_new(json, "crls", lists_json(parent, warnings));
        (void)json_object_set_new(json, "crl_sources", list_sources_json(parent, warnings));
        list_sources_warn_of_none(parent, warnings);
        (void)json_object_set_new(json, "warnings", warnings);
        text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    }
    if (text && strlen(text) < MESSAGE_MAX - 1024)
        status_reply(parent, cookie, REASON_OK, bytes_of(text));
    else
        status_reply(parent, cookie, REASON_SYSTEM, (struct bytes){NULL, 0});
    json_decref(json);
}
