/*
 * Options by rows. Runs in gatewayctl and mtls on the words of the person who calls them.
 */
#include "cli/options.h"

#include "common/clock.h"
#include "common/text.h"

#include <getopt.h>
#include <stdio.h>

enum { LONG_BASE = 256 }; /* values of getopt_long for rows: above all letters */

static bool set_time(const char *text, int64_t *ret_seconds)
{
    int64_t seconds;

    if (text[0] != '+')
        return text_time_s(bytes_of(text), ret_seconds);
    if (!text_duration_s(bytes_of(text + 1), &seconds))
        return false;
    *ret_seconds = clock_realtime_s() + seconds;
    return true;
}

static bool set_count(const char *text, int64_t *ret_count)
{
    uint64_t value;

    if (!text_u64(bytes_of(text), &value) || value > INT64_MAX)
        return false;
    *ret_count = (int64_t)value;
    return true;
}

static bool set_texts(const char *text, struct option_texts *texts)
{
    if (texts->n == TEXTS_MAX)
        return false;
    texts->at[texts->n++] = text;
    return true;
}

static bool set(const struct option_row *row, const char *text, struct error *err)
{
    bool good = true;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->target = true;
        break;
    case OPTION_TEXT:
        *(const char **)row->target = text;
        break;
    case OPTION_TEXTS:
        good = set_texts(text, row->target);
        break;
    case OPTION_COUNT:
        good = set_count(text, row->target);
        break;
    case OPTION_DURATION:
        good = text_duration_s(bytes_of(text), row->target);
        break;
    case OPTION_TIME:
        good = set_time(text, row->target);
        break;
    }
    return good || err_set(err, REASON_USAGE, "--%s: \"%s\" is no %s", row->name, text, row->value);
}

static const struct option_row *row_of(const struct option_row *rows, size_t n_rows, int value)
{
    for (size_t i = 0; i < n_rows; i++)
        if (value == (int)(LONG_BASE + i) || (rows[i].letter && value == rows[i].letter))
            return &rows[i];
    return NULL;
}

/* The rows in getopt's forms. letters has room for 2 + 2 * OPTIONS_MAX. */
static void tables(const struct option_row *rows, size_t n_rows, bool stop, struct option *longs,
                   char *letters)
{
    *letters++ = stop ? '+' : '-'; /* '-': other arguments come as options with value 1 */
    *letters++ = ':';
    for (size_t i = 0; i < n_rows; i++) {
        int has = rows[i].kind == OPTION_FLAG ? no_argument : required_argument;

        longs[i] = (struct option){rows[i].name, has, NULL, (int)(LONG_BASE + i)};
        if (!rows[i].letter)
            continue;
        *letters++ = rows[i].letter;
        if (has == required_argument)
            *letters++ = ':';
    }
    *letters = '\0';
    longs[n_rows] = (struct option){NULL, 0, NULL, 0};
}

static bool add_rest(struct option_arguments *rest, char *argument, struct error *err)
{
    if (rest->n == ARGUMENTS_MAX)
        return err_set(err, REASON_USAGE, "more than %d arguments", ARGUMENTS_MAX);
    rest->at[rest->n++] = argument;
    return true;
}

bool options_parse(const struct option_row *rows, size_t n_rows, int argc, char **argv, bool stop,
                   struct option_arguments *ret_rest, struct error *err)
{
    struct option longs[OPTIONS_MAX + 1];
    char letters[3 + 2 * OPTIONS_MAX];
    struct option_arguments rest = {.n = 0};
    int value;

    if (n_rows > OPTIONS_MAX)
        abort();
    tables(rows, n_rows, stop, longs, letters);
    optind = 0; /* glibc: begin anew, with the leading character of letters */
    while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const struct option_row *row = row_of(rows, n_rows, value);

        if (value == 1) {
            if (!add_rest(&rest, optarg, err))
                return false;
            continue;
        }
        if (value == ':')
            return err_set(err, REASON_USAGE, "%s needs a value", argv[optind - 1]);
        if (!row)
            return err_set(err, REASON_USAGE, "unknown option %s", argv[optind - 1]);
        if (!set(row, optarg, err))
            return false;
    }
    while (optind < argc)
        if (!add_rest(&rest, argv[optind++], err))
            return false;
    *ret_rest = rest;
    return true;
}

void options_help(const struct option_row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        char left[64];

        (void)snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
                       rows[i].value ? rows[i].value : "");
        if (rows[i].letter)
            (void)printf("  -%c, %-22s %s\n", rows[i].letter, left, rows[i].help);
        else
            (void)printf("      %-22s %s\n", left, rows[i].help);
    }
}
