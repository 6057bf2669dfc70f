/*
 * What the commands of gatewayctl have in common. Runs as the person who calls it.
 */
#include "cli/ctl.h"

#include "common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 2048, COUNT_MAX = 64, TEXT_RING = 8 };

static void print_error(const struct error *err)
{
    const char *hint = reason_hint(err->reason);

    (void)fprintf(stderr, "gatewayctl: %s: %s\n", reason_text(err->reason), ctl_text(err->detail));
    if (hint[0] && err->reason != REASON_USAGE)
        (void)fprintf(stderr, "  see: %s\n", hint);
}

int ctl_error(const struct error *err)
{
    print_error(err);
    return CTL_ERROR;
}

int ctl_refusal(const struct error *err)
{
    print_error(err);
    return CTL_NO;
}

static void print_usage(const struct ctl *ctl, const struct option_row *rows, size_t n_rows)
{
    (void)printf("Usage: gatewayctl [--config FILE] [--json] %s%s%s\n%s\n", ctl->command->name,
                 ctl->command->arguments[0] ? " " : "", ctl->command->arguments,
                 ctl->command->help);
    if (n_rows > 0)
        (void)printf("\n");
    options_help(rows, n_rows);
}

bool ctl_options(struct ctl *ctl, const struct option_set *set, int argc, char **argv,
                 struct option_arguments *ret_rest, int *ret_exit)
{
    struct option_row all[OPTIONS_MAX];
    size_t n = set->n_rows;
    bool help = false;
    struct error err;

    if (n + 3 > OPTIONS_MAX)
        abort();
    if (n > 0)
        memcpy(all, set->rows, n * sizeof(*all));
    /* The options of gatewayctl itself are understood behind the command too. */
    all[n] = (struct option_row){"json", OPTION_FLAG, &ctl->json, NULL, "print JSON", 0};
    all[n + 1] =
        (struct option_row){"config", OPTION_TEXT, &ctl->config_path, "FILE", "gatewayd.conf", 'c'};
    all[n + 2] = (struct option_row){"help", OPTION_FLAG, &help, NULL, "this text", 'h'};
    *ret_exit = CTL_ERROR;
    if (!options_parse(all, n + 3, argc, argv, false, ret_rest, &err)) {
        (void)ctl_error(&err);
        return false;
    }
    if (help) {
        print_usage(ctl, all, n + 3);
        *ret_exit = CTL_YES;
        return false;
    }
    if (ret_rest->n >= set->least && ret_rest->n <= set->most)
        return true;
    (void)fprintf(stderr, "Usage: gatewayctl %s %s\n", ctl->command->name, ctl->command->arguments);
    return false;
}

void ctl_print_json(json_t *value)
{
    if (!value || json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) != 0)
        abort();
    (void)printf("\n");
    json_decref(value);
}

const char *ctl_text(const char *text)
{
    static char ring[TEXT_RING][TEXT_MAX];
    static unsigned next;
    char *out = ring[next++ % TEXT_RING];
    size_t at = 0;
    bool clean = text_is_clean(bytes_of(text));

    for (; *text && at + 5 < TEXT_MAX; text++) {
        unsigned char c = (unsigned char)*text;

        if (clean || (c >= ' ' && c <= '~'))
            out[at++] = *text;
        else
            at += (size_t)snprintf(out + at, 5, "\\x%02x", c);
    }
    out[at] = '\0';
    return out;
}

const char *ctl_count(uint64_t n, const char *what)
{
    static char ring[TEXT_RING][COUNT_MAX];
    static unsigned next;
    char *out = ring[next++ % TEXT_RING];

    (void)snprintf(out, COUNT_MAX, "%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
    return out;
}

const char *ctl_color(const struct ctl *ctl, const char *name)
{
    static const struct {
        const char *name, *code;
    } colors[] = {{"red", "\33[31m"}, {"green", "\33[32m"}, {"bold", "\33[1m"}, {"off", "\33[0m"}};

    for (size_t i = 0; ctl->color && i < ARRAY_LEN(colors); i++)
        if (strcmp(colors[i].name, name) == 0)
            return colors[i].code;
    return "";
}
