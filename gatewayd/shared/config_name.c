/*
 * Names of sections and options, and what was probably meant by a wrong one. Runs where a
 * configuration is loaded.
 */
#include "gatewayd/shared/config_source.h"

/* Edits (insert, delete, replace) between two short words; large for long ones. */
static size_t distance(const char *a, const char *b)
{
    enum { WORD = 40 };
    size_t row[WORD + 1], len_a = strlen(a), len_b = strlen(b);

    if (len_a > WORD || len_b > WORD)
        return WORD;
    for (size_t k = 0; k <= len_b; k++)
        row[k] = k;
    for (size_t i = 1; i <= len_a; i++) {
        size_t left_above = row[0];

        row[0] = i;
        for (size_t k = 1; k <= len_b; k++) {
            size_t above = row[k], best = left_above + (a[i - 1] != b[k - 1]);

            best = above + 1 < best ? above + 1 : best;
            row[k] = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
            left_above = above;
        }
    }
    return row[len_b];
}

struct suggestion {
    const char *name;
    size_t distance;
};

static void consider(struct suggestion *best, const char *written, const char *name)
{
    size_t d = distance(written, name);

    if (d < best->distance)
        *best = (struct suggestion){name, d};
}

static void found_unknown(struct config_source *source, uint32_t line, const char *what,
                          const char *written, const struct suggestion *best)
{
    struct config_place place = {source->name, line};

    if (best->name)
        config_found(source->loading, place, REASON_CONFIG_SYNTAX,
                     "unknown %s %s; did you mean %s?", what, written, best->name);
    else
        config_found(source->loading, place, REASON_CONFIG_SYNTAX, "unknown %s %s", what, written);
}

size_t config_find_row(struct config_source *source, uint32_t line, const char *name)
{
    struct suggestion best = {NULL, 3};
    size_t n;
    const struct config_section *rows = config_sections(&n);

    for (size_t i = 1; i < n; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return i;
        consider(&best, name, rows[i].name);
    }
    found_unknown(source, line, "section", name, &best);
    return n;
}

size_t config_find_option(struct config_source *source, uint32_t line,
                          const struct config_section *row, const char *name)
{
    struct suggestion best = {NULL, 3};

    for (size_t i = 0; i < row->n_options; i++) {
        if (strcmp(row->options[i].name, name) == 0)
            return i;
        consider(&best, name, row->options[i].name);
    }
    found_unknown(source, line, "option", name, &best);
    return row->n_options;
}
