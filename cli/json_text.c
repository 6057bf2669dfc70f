/*
 * JSON for people. Runs in gatewayctl on answers of the daemon; texts in them come from outside.
 */
#include "cli/json_text.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>

#define TIME_MS_MIN 1000000000000 /* 2001: smaller numbers are durations */

enum {
    COLUMNS_MAX = 24,
    CELL_MAX = 256, /* octets of one cell: longer texts are cut */
    INDENT = 2,
    NAME_WIDTH = 20,
};

struct table {
    const char *names[COLUMNS_MAX];
    size_t width[COLUMNS_MAX];
    size_t n;
};

static bool is_scalar(const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value);
}

/* Times of day are numbers for programs and dates for people. */
static bool is_time(const char *name, long long value, int64_t *ret_ms)
{
    static const char *const seconds[] = {"created", "expires", "valid_until", "not_after", NULL};
    size_t len = name ? strlen(name) : 0;

    if (len > 3 && strcmp(name + len - 3, "_ms") == 0 && value > TIME_MS_MIN) {
        *ret_ms = value;
        return true;
    }
    if (len > 2 && strcmp(name + len - 2, "_s") == 0 && value > TIME_MS_MIN / 1000 &&
        value < INT64_MAX / 1000) {
        *ret_ms = value * 1000;
        return true;
    }
    for (size_t i = 0; name && seconds[i] && value > TIME_MS_MIN / 1000; i++) {
        if (strcmp(name, seconds[i]) != 0)
            continue;
        *ret_ms = value < INT64_MAX / 1000 ? value * 1000 : INT64_MAX;
        return true;
    }
    return false;
}

static void number(const char *name, long long value, char out[CELL_MAX])
{
    int64_t ms;

    if (is_time(name, value, &ms))
        text_format_time_ms(ms, out);
    else
        (void)snprintf(out, CELL_MAX, "%lld", value);
}

/* A scalar, or a list of scalars, as text. */
static const char *cell(const char *name, json_t *value, char out[CELL_MAX])
{
    size_t index, at = 0;
    json_t *item;
    char inner[CELL_MAX];

    out[0] = '\0';
    if (json_is_string(value))
        (void)snprintf(out, CELL_MAX, "%s", ctl_text(json_string_value(value)));
    else if (json_is_integer(value))
        number(name, json_integer_value(value), out);
    else if (json_is_real(value))
        (void)snprintf(out, CELL_MAX, "%g", json_real_value(value));
    else if (json_is_boolean(value))
        (void)snprintf(out, CELL_MAX, "%s", json_is_true(value) ? "yes" : "no");
    json_array_foreach(value, index, item)
    {
        int n = snprintf(out + at, CELL_MAX - at, "%s%s", index > 0 ? "," : "",
                         cell(NULL, item, inner));

        at += n > 0 ? (size_t)n : 0;
        if (at >= CELL_MAX)
            break;
    }
    return out;
}

static void add_column(struct table *table, const char *name)
{
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->names[i], name) == 0)
            return;
    if (table->n == COLUMNS_MAX)
        return;
    table->width[table->n] = strlen(name);
    table->names[table->n++] = name;
}

static bool any_has(json_t *rows, const char *name)
{
    size_t index;
    json_t *row;

    json_array_foreach(rows, index, row)
    {
        if (json_object_get(row, name))
            return true;
    }
    return false;
}

/* Columns that somebody asked for first, then the others in the order in which they come. */
static struct table columns(json_t *rows, const char *const *first, bool others)
{
    struct table table = {.n = 0};
    char text[CELL_MAX];
    const char *name;
    size_t index;
    json_t *row, *value;

    for (; first && *first; first++)
        if (any_has(rows, *first))
            add_column(&table, *first);
    json_array_foreach(rows, index, row)
    {
        json_object_foreach(row, name, value)
        {
            if (others && !json_is_object(value))
                add_column(&table, name);
        }
    }
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < table.n; i++) {
            size_t len = strlen(cell(table.names[i], json_object_get(row, table.names[i]), text));

            table.width[i] = len > table.width[i] ? len : table.width[i];
        }
    }
    return table;
}

static void print_table(const struct ctl *ctl, json_t *rows, const struct table *table, int indent)
{
    char text[CELL_MAX];
    size_t index;
    json_t *row;

    (void)printf("%*s%s", indent, "", ctl_color(ctl, "bold"));
    for (size_t i = 0; i < table->n; i++)
        (void)printf("%-*s%s", i + 1 < table->n ? (int)table->width[i] : 0, table->names[i],
                     i + 1 < table->n ? "  " : "");
    (void)printf("%s\n", ctl_color(ctl, "off"));
    json_array_foreach(rows, index, row)
    {
        (void)printf("%*s", indent, "");
        for (size_t i = 0; i < table->n; i++)
            (void)printf("%-*s%s", i + 1 < table->n ? (int)table->width[i] : 0,
                         cell(table->names[i], json_object_get(row, table->names[i]), text),
                         i + 1 < table->n ? "  " : "");
        (void)printf("\n");
    }
}

static bool is_table(json_t *value)
{
    return json_array_size(value) > 0 && json_is_object(json_array_get(value, 0));
}

static void print_object(const struct ctl *ctl, json_t *object, const char *const *first,
                         int indent);

static void print_member(const struct ctl *ctl, const char *name, json_t *value,
                         const char *const *first, int indent)
{
    char text[CELL_MAX];

    struct table table;

    if (is_table(value) || (json_is_object(value) && json_object_size(value) > 0)) {
        (void)printf("%*s%s%s%s\n", indent, "", ctl_color(ctl, "bold"), name,
                     ctl_color(ctl, "off"));
        table = columns(value, first, true);
        if (is_table(value))
            print_table(ctl, value, &table, indent + INDENT);
        else
            print_object(ctl, value, first, indent + INDENT);
    } else if (!json_is_null(value) && !(json_is_array(value) && json_array_size(value) == 0)) {
        (void)printf("%*s%-*s %s\n", indent, "", NAME_WIDTH - indent, name,
                     cell(name, value, text));
    }
}

/* Scalars first, so that the tables do not tear them apart. */
static void print_object(const struct ctl *ctl, json_t *object, const char *const *first,
                         int indent)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        if (is_scalar(value))
            print_member(ctl, name, value, first, indent);
    }
    json_object_foreach(object, name, value)
    {
        if (!is_scalar(value))
            print_member(ctl, name, value, first, indent);
    }
}

void json_text_table(const struct ctl *ctl, json_t *rows, const char *const *only)
{
    struct table table = columns(rows, only, false);

    if (is_table(rows))
        print_table(ctl, rows, &table, 0);
}

void json_text_print(const struct ctl *ctl, json_t *value, const char *const *first)
{
    struct table table = columns(value, first, true);

    if (json_is_object(value))
        print_object(ctl, value, first, 0);
    else if (is_table(value))
        print_table(ctl, value, &table, 0);
}
