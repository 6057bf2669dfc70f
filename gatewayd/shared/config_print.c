/*
 * The configuration as text that config_load reads again, and the rows as text for the man page.
 * Runs in the tools and in `gatewayd --print-config`.
 */
#include "gatewayd/shared/config_table.h"

#include <inttypes.h>

static void print_text(const char *text, struct writer *out)
{
    writer_u8(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            writer_u8(out, '\\');
        writer_u8(out, (uint8_t)*text);
    }
    writer_u8(out, '"');
}

static void print_list(const struct config_list *list, struct writer *out)
{
    writer_u8(out, '{');
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            writer_text(out, ", ");
        print_text(list->at[i], out);
    }
    writer_u8(out, '}');
}

/* The largest unit that leaves no rest: "15m", not "900s". */
static void print_duration(int64_t seconds, struct writer *out)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    while (seconds % units[i].seconds != 0 || (seconds == 0 && units[i].unit != 's'))
        i++;
    writer_printf(out, "%" PRId64 "%c", seconds / units[i].seconds, units[i].unit);
}

static void print_value(const struct config_option *option, const void *member, struct writer *out)
{
    switch (option->kind) {
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_NEEDED:
        print_text(*(const char *const *)member, out);
        break;
    case CONFIG_KIND_LIST:
        print_list(member, out);
        break;
    case CONFIG_KIND_COUNT:
        writer_printf(out, "%" PRId64, *(const int64_t *)member);
        break;
    case CONFIG_KIND_DURATION:
        writer_u8(out, '"');
        print_duration(*(const int64_t *)member, out);
        writer_u8(out, '"');
        break;
    case CONFIG_KIND_PERCENT:
        writer_printf(out, "\"%" PRId64 "%%\"", *(const int64_t *)member);
        break;
    case CONFIG_KIND_CHOICE:
        writer_u8(out, '"');
        writer_put(out, config_choice_word(option->unit, *(const int64_t *)member));
        writer_u8(out, '"');
        break;
    }
}

static bool is_left_out(const struct config_option *option, const void *member)
{
    switch (option->kind) {
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_NEEDED:
        return *(const char *const *)member == NULL;
    case CONFIG_KIND_LIST:
        return ((const struct config_list *)member)->n == 0;
    default:
        return false;
    }
}

static void print_options(const struct config_section *row, const struct config_any *any,
                          const char *indent, struct writer *out)
{
    for (size_t i = 0; i < row->n_options; i++) {
        const struct config_option *option = &row->options[i];
        const void *member = config_member(any, option);

        if (is_left_out(option, member))
            continue;
        writer_printf(out, "%s%s = ", indent, option->name);
        print_value(option, member, out);
        writer_u8(out, '\n');
    }
}

/* The sections that stand inside of this one. */
static void print_inner(const struct config *config, const struct config_section *around,
                        const struct config_any *any, struct writer *out)
{
    size_t n_rows;
    const struct config_section *rows = config_sections(&n_rows);

    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; rows[i].inside && k < config_count(config, &rows[i]); k++) {
            const struct config_any *inner = config_at(config, &rows[i], k);

            if (strcmp(rows[i].inside, around->name) != 0 || strcmp(inner->title, any->title) != 0)
                continue;
            writer_printf(out, "  %s {\n", rows[i].name);
            print_options(&rows[i], inner, "    ", out);
            writer_text(out, "  }\n");
        }
}

static void print_section(const struct config *config, const struct config_section *row,
                          const struct config_any *any, struct writer *out)
{
    writer_printf(out, "\n%s ", row->name);
    if (row->titled) {
        print_text(any->title, out);
        writer_u8(out, ' ');
    }
    writer_text(out, "{\n");
    print_options(row, any, "  ", out);
    print_inner(config, row, any, out);
    writer_text(out, "}\n");
}

void config_print(const struct config *config, struct writer *out)
{
    size_t n_rows;
    const struct config_section *rows = config_sections(&n_rows);

    print_options(&rows[0], config_at(config, &rows[0], 0), "", out);
    for (size_t i = 1; i < n_rows; i++)
        for (size_t k = 0; !rows[i].inside && k < config_count(config, &rows[i]); k++)
            print_section(config, &rows[i], config_at(config, &rows[i], k), out);
}

/* --- the rows --------------------------------------------------------------------------------- */

static const char *const when_names[] = {
    [CONFIG_BY_RELOAD] = "a reload",
    [CONFIG_BY_UPGRADE] = "an upgrade or a restart",
    [CONFIG_BY_RESTART] = "a restart",
};

static void describe_form(const struct config_option *option, struct writer *out)
{
    switch (option->kind) {
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_NEEDED:
        writer_text(out, "text");
        break;
    case CONFIG_KIND_LIST:
        writer_printf(out, "list of %" PRId64 " to %" PRId64 " texts", option->min, option->max);
        break;
    case CONFIG_KIND_COUNT:
        writer_printf(out, "number from %" PRId64 " to %" PRId64, option->min, option->max);
        break;
    case CONFIG_KIND_DURATION:
        writer_text(out, "duration from ");
        print_duration(option->min, out);
        writer_text(out, " to ");
        print_duration(option->max, out);
        break;
    case CONFIG_KIND_PERCENT:
        writer_printf(out, "percentage from %" PRId64 "%% to %" PRId64 "%%", option->min,
                      option->max);
        break;
    case CONFIG_KIND_CHOICE:
        for (const char *c = option->unit; *c; c++)
            writer_text(out, *c == '|' ? " | " : (const char[]){*c, '\0'});
        break;
    }
}

static void describe_default(const struct config_option *option, struct writer *out)
{
    if (option->kind == CONFIG_KIND_NEEDED) {
        writer_text(out, "must be given");
        return;
    }
    if (option->kind <= CONFIG_KIND_LIST && !option->text) {
        writer_text(out, "no default");
        return;
    }
    writer_text(out, "default ");
    if (option->kind <= CONFIG_KIND_LIST)
        print_text(option->text, out);
    else
        print_value(option, &option->number, out);
}

void config_describe(struct writer *out)
{
    size_t n_rows;
    const struct config_section *rows = config_sections(&n_rows);

    for (size_t i = 0; i < n_rows; i++) {
        if (i == 0)
            writer_text(out, "Outside of any section\n");
        else if (rows[i].inside)
            writer_printf(out, "\nSection %s, inside of a section %s\n", rows[i].name,
                          rows[i].inside);
        else
            writer_printf(out, "\nSection %s%s\n", rows[i].name, rows[i].titled ? " \"NAME\"" : "");
        for (size_t o = 0; o < rows[i].n_options; o++) {
            const struct config_option *option = &rows[i].options[o];

            writer_printf(out, "  %s: ", option->name);
            describe_form(option, out);
            writer_text(out, "; ");
            describe_default(option, out);
            writer_printf(out, "; changed by %s\n      %s\n", when_names[option->when],
                          option->help);
        }
    }
}

/* Text for mdoc: a backslash, and a dot or quote at the start of a line, would be a request. */
static void mdoc_text(struct bytes text, struct writer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\\')
            writer_text(out, "\\e");
        else
            writer_u8(out, text.at[i]);
    }
}

static void mdoc_option(const struct config_option *option, struct writer *out)
{
    AUTO(writer_clear) struct writer line = writer_new(4096);

    writer_printf(out, ".It Cm %s\n", option->name);
    mdoc_text(bytes_of(option->help), out);
    writer_text(out, ".\n.br\n\\&");
    describe_form(option, &line);
    writer_text(&line, "; ");
    describe_default(option, &line);
    mdoc_text(writer_bytes(&line), out);
    writer_printf(out, "; changed by %s.\n", when_names[option->when]);
}

void config_describe_mdoc(struct writer *out)
{
    size_t n_rows;
    const struct config_section *rows = config_sections(&n_rows);

    for (size_t i = 0; i < n_rows; i++) {
        if (i == 0)
            writer_text(out, ".Ss Outside of any section\n");
        else if (rows[i].inside)
            writer_printf(out, ".Ss %s, inside of a section %s\n", rows[i].name, rows[i].inside);
        else
            writer_printf(out, ".Ss %s%s\n", rows[i].name, rows[i].titled ? " \\(dqNAME\\(dq" : "");
        writer_text(out, ".Bl -tag -width Ds\n");
        for (size_t o = 0; o < rows[i].n_options; o++)
            mdoc_option(&rows[i].options[o], out);
        writer_text(out, ".El\n");
    }
}
