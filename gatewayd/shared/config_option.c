/*
 * Values of options: from the texts that libconfuse gives to what their rows say. Runs where a
 * configuration is loaded.
 */
#include "gatewayd/shared/config_source.h"

#include "common/text.h"

#include <inttypes.h>

enum { VALUE_MAX = 4096 }; /* octets of one value of a list */

/* A value with each @hostname replaced, in the configuration's memory. */
static const char *expanded(struct config_source *source, const char *text)
{
    static const char word[] = "@hostname";
    AUTO(writer_clear) struct writer out = writer_new(64 * 1024);
    const char *at;

    while ((at = strstr(text, word)) != NULL) {
        writer_put(&out, (struct bytes){(const uint8_t *)text, (size_t)(at - text)});
        writer_text(&out, source->hostname);
        text = at + sizeof(word) - 1;
    }
    writer_text(&out, text);
    return config_take_text(source->loading->config->memory, writer_bytes(&out));
}

static bool set_text(struct config_source *source, struct config_place place,
                     const struct config_option *option, const char *text, void *member)
{
    if (!text_is_clean(bytes_of(text))) {
        config_found(source->loading, place, REASON_CONFIG_VALUE,
                     "%s: control characters or no UTF-8", option->name);
        return false;
    }
    text = expanded(source, text);
    if ((int64_t)strlen(text) > (option->kind == CONFIG_KIND_LIST ? VALUE_MAX : option->max)) {
        config_found(source->loading, place, REASON_CONFIG_VALUE, "%s is longer than %" PRId64,
                     option->name,
                     option->kind == CONFIG_KIND_LIST ? (int64_t)VALUE_MAX : option->max);
        return false;
    }
    *(const char **)member = text;
    return true;
}

static bool parse_number(const struct config_option *option, const char *text, int64_t *ret_number)
{
    struct bytes octets = bytes_of(text);
    uint64_t number;

    switch (option->kind) {
    case CONFIG_KIND_DURATION:
        return text_duration_s(octets, ret_number);
    case CONFIG_KIND_CHOICE:
        *ret_number = config_choice(option->unit, octets);
        return *ret_number >= 0;
    case CONFIG_KIND_PERCENT:
        if (octets.len == 0 || octets.at[octets.len - 1] != '%')
            return false;
        octets.len--;
        break;
    default:
        break;
    }
    if (!text_u64(octets, &number) || number > INT64_MAX)
        return false;
    *ret_number = (int64_t)number;
    return true;
}

static void set_number(struct config_source *source, struct config_place place,
                       const struct config_option *option, const char *text, int64_t *member)
{
    static const char *const forms[] = {
        [CONFIG_KIND_COUNT] = "a number",
        [CONFIG_KIND_DURATION] = "a duration such as 10s, 15m, 4h or 30d",
        [CONFIG_KIND_PERCENT] = "a percentage such as 20%",
    };
    int64_t number;

    if (!parse_number(option, text, &number)) {
        if (option->kind == CONFIG_KIND_CHOICE)
            config_found(source->loading, place, REASON_CONFIG_VALUE,
                         "%s = %s: one of %s is needed", option->name, text, option->unit);
        else
            config_found(source->loading, place, REASON_CONFIG_VALUE, "%s = %s: %s is needed",
                         option->name, text, forms[option->kind]);
        return;
    }
    if (option->kind != CONFIG_KIND_CHOICE && (number < option->min || number > option->max)) {
        config_found(source->loading, place, REASON_CONFIG_VALUE,
                     "%s = %s: must lie between %" PRId64 " and %" PRId64 " %s", option->name, text,
                     option->min, option->max, option->unit);
        return;
    }
    *member = number;
}

static void set_list(struct config_source *source, size_t item, const struct config_option *option,
                     cfg_opt_t *value, struct config_list *member)
{
    struct config_loading *loading = source->loading;
    size_t n = cfg_opt_size(value), kept = 0;
    const char **values;

    if ((int64_t)n < option->min || (int64_t)n > option->max) {
        config_found(loading, (struct config_place){source->name, prescan_line(source->scan, item)},
                     REASON_CONFIG_VALUE,
                     "%s has %zu values: between %" PRId64 " and %" PRId64 " are allowed",
                     option->name, n, option->min, option->max);
        return;
    }
    values = config_take(loading->config->memory, n * sizeof(*values));
    for (size_t i = 0; i < n; i++) {
        struct config_place place = {source->name, prescan_value_line(source->scan, item, i)};

        kept += set_text(source, place, option, cfg_opt_getnstr(value, (unsigned)i), &values[kept]);
    }
    *member = (struct config_list){values, kept};
}

void config_read_option(struct config_source *source, size_t item,
                        const struct config_option *option, cfg_t *section, void *member)
{
    cfg_opt_t *value = cfg_getopt(section, option->name);
    struct config_place place = {source->name, prescan_line(source->scan, item)};

    if (!value || cfg_opt_size(value) == 0)
        return; /* the pre-scan or libconfuse has said why */
    if (option->kind != CONFIG_KIND_LIST && prescan_item(source->scan, item)->is_list) {
        config_found(source->loading, place, REASON_CONFIG_VALUE, "%s takes one value, no list",
                     option->name);
        return;
    }
    if (option->kind == CONFIG_KIND_LIST)
        set_list(source, item, option, value, member);
    else if (option->kind == CONFIG_KIND_TEXT || option->kind == CONFIG_KIND_NEEDED)
        (void)set_text(source, place, option, cfg_opt_getnstr(value, 0), member);
    else
        set_number(source, place, option, cfg_opt_getnstr(value, 0), member);
}
