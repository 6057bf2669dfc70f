/*
 * Addresses of revocation lists, for status. Runs in the parent on what fetch tells: numbers and
 * texts of an untrusted process, which become rows and nothing else.
 */
#include "gatewayd/parent/list_sources.h"

#include "common/clock.h"
#include "common/text.h"
#include "gatewayd/parent/children.h"

#include <string.h>

enum { ROWS_MAX = 24 /* as fetch tells; the number of all is in its counters */ };
#define TIME_END_S 253402300799 /* of the year 9999: later ones are no times */

/* Sets name of row to the time that stands in from as seconds. False: none does. */
static bool put_time(json_t *row, const char *name, const json_t *from, const char *from_name)
{
    json_int_t value = json_integer_value(json_object_get(from, from_name));
    char text[32];

    if (value <= 0 || value > TIME_END_S) {
        (void)json_object_set_new(row, name, json_null());
        return false;
    }
    text_format_time_ms(value * 1000, text);
    (void)json_object_set_new(row, name, json_string(text));
    return true;
}

static void put_text(json_t *row, const char *name, const json_t *from)
{
    json_t *text = json_object_get(from, name);

    (void)json_object_set_new(row, name, json_is_string(text) ? json_incref(text) : json_null());
}

static void put_age(json_t *row, const json_t *from)
{
    json_int_t this_update_s = json_integer_value(json_object_get(from, "this_update_s"));
    int64_t now_s = clock_realtime_s();

    if (this_update_s > 0 && this_update_s <= now_s)
        (void)json_object_set_new(row, "age_s", json_integer((json_int_t)now_s - this_update_s));
}

static json_t *row_of(const json_t *from, json_t *warnings)
{
    json_t *row = json_object();
    const char *ca, *url, *detail;

    put_text(row, "ca", from);
    put_text(row, "url", from);
    put_text(row, "error", from);
    put_text(row, "detail", from);
    (void)put_time(row, "last_try", from, "tried_s");
    (void)put_time(row, "next_try", from, "next_try_s");
    put_age(row, from);
    if (put_time(row, "next_update", from, "next_update_s"))
        return row;
    ca = json_string_value(json_object_get(row, "ca"));
    url = json_string_value(json_object_get(row, "url"));
    detail = json_string_value(json_object_get(row, "detail"));
    if (ca && url)
        (void)json_array_append_new(warnings,
                                    json_sprintf("ca %s: no list has ever come from %s%s%s", ca,
                                                 url, detail ? ": " : "", detail ? detail : ""));
    return row;
}

json_t *list_sources_json(const struct parent *parent, json_t *warnings)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < parent->n_children; i++) {
        const struct child *child = &parent->children[i];
        json_t *counters, *sources;

        if (child->role != PROCESS_FETCH || !child->counters)
            continue;
        counters = json_loads(child->counters, 0, NULL);
        sources = json_object_get(counters, "sources");
        for (size_t k = 0; k < json_array_size(sources) && json_array_size(rows) < ROWS_MAX; k++)
            (void)json_array_append_new(rows, row_of(json_array_get(sources, k), warnings));
        json_decref(counters);
    }
    return rows;
}

static bool has_list(const struct parent *parent, const char *ca)
{
    for (size_t i = 0; i < parent->lists.n; i++)
        if (strcmp(parent->lists.at[i].ca, ca) == 0)
            return true;
    return false;
}

void list_sources_warn_of_none(const struct parent *parent, json_t *warnings)
{
    for (size_t i = 0; i < parent->config->n_ca; i++) {
        const struct config_ca *ca = &parent->config->ca[i];

        if (ca->revocation == CONFIG_REVOCATION_REQUIRE && !has_list(parent, ca->title))
            (void)json_array_append_new(
                warnings, json_sprintf("ca %s: no revocation list is in force: nobody gets in "
                                       "until the first has come",
                                       ca->title));
    }
}
