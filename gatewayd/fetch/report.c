/*
 * What fetch knows, as JSON for `gatewayctl status`. Runs in fetch, once a second when something
 * has changed.
 */
#include "gatewayd/fetch/fetching.h"

#include "common/clock.h"
#include "common/log.h"

#include <jansson.h>

enum {
    REPORT_MAX = 12 * 1024, /* octets: the parent takes 16 KiB */
    SOURCES_SHOWN = 24,
};

static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);

    return json ? json : json_string(log_quoted(bytes_of(text)));
}

/* Times as they are, not ages: what does not change is not sent again. */
static json_t *source_json(const struct source *source)
{
    json_t *json = json_pack("{s:s,s:b,s:I,s:I}", "ca", source->ca, "from_certificate", source->cdp,
                             "failures", (json_int_t)source->failures, "next_try_s",
                             (json_int_t)source->due_s);

    (void)json_object_set_new(json, "url", text_json(source->url));
    if (source->tried_s > 0)
        (void)json_object_set_new(json, "tried_s", json_integer(source->tried_s));
    if (source->facts.this_update_s > 0) {
        (void)json_object_set_new(json, "this_update_s", json_integer(source->facts.this_update_s));
        (void)json_object_set_new(json, "next_update_s", json_integer(source->facts.next_update_s));
        (void)json_object_set_new(json, "fetched_s", json_integer(source->fetched_s));
    }
    if (source->last.reason != REASON_OK) {
        (void)json_object_set_new(json, "error", json_string(reason_name(source->last.reason)));
        (void)json_object_set_new(json, "detail", text_json(source->last.detail));
    }
    return json;
}

/* Those that fail first. */
static void add_sources(const struct fetching *fetching, bool failing, json_t *list)
{
    for (const struct source *source = fetching->sources; source; source = source->next)
        if ((source->last.reason != REASON_OK) == failing && json_array_size(list) < SOURCES_SHOWN)
            (void)json_array_append_new(list, source_json(source));
}

static json_t *ocsp_json(const struct fetching *fetching)
{
    struct asks_counts counts = asks_count(fetching->asks);

    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "asked", (json_int_t)counts.asked, "from_memory",
                     (json_int_t)counts.answered_from_memory, "questions",
                     (json_int_t)counts.questions, "no_answer", (json_int_t)counts.no_answer,
                     "remembered", (json_int_t)counts.remembered, "running",
                     (json_int_t)counts.running);
}

static char *describe(const struct fetching *fetching)
{
    json_t *list = json_array();
    json_t *json;
    char *text;

    add_sources(fetching, true, list);
    add_sources(fetching, false, list);
    json = json_pack("{s:o,s:I,s:I,s:o}", "sources", list, "n_sources",
                     (json_int_t)fetching->n_sources, "running", (json_int_t)fetching->n_running,
                     "ocsp", ocsp_json(fetching));
    text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    return text;
}

void report_tick(struct fetching *fetching)
{
    AUTO(char_freep) char *text = describe(fetching);
    struct message_counters msg;

    if (!text || strlen(text) > REPORT_MAX ||
        bytes_equal(bytes_of(text), writer_bytes(&fetching->told)))
        return;
    msg.text = bytes_of(text);
    if (!channel_send(fetching->role->parent, MESSAGE_COUNTERS, &msg, -1))
        return;
    writer_reset(&fetching->told);
    writer_put(&fetching->told, msg.text);
}
