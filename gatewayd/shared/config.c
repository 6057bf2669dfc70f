/*
 * The rows of the configuration, its memory and its look-ups. Runs in every process and in the
 * tools.
 */
#include "gatewayd/shared/config_table.h"

#include "gatewayd/shared/xalloc.h"

#define TEXT_TEXT(def)     .text = (def)
#define TEXT_NEEDED(def)   .text = (def)
#define TEXT_LIST(def)     .text = (def)
#define TEXT_COUNT(def)    .number = (def)
#define TEXT_DURATION(def) .number = (def)
#define TEXT_PERCENT(def)  .number = (def)
#define TEXT_CHOICE(def)   .number = (def)
#define FORM_SINGLE        .titled = false
#define FORM_TITLED        .titled = true
#define FORM_IN_SERVICE    .titled = true, .inside = "service"
#define WHEN_LIVE          CONFIG_BY_RELOAD
#define WHEN_UPGRADE       CONFIG_BY_UPGRADE
#define WHEN_RESTART       CONFIG_BY_RESTART

/* clang-format off */
#define else else_
#define SECTION(name, form) static const struct config_option name##_options[] = {
#define OPTION(section, name_, kind_, def, min_, max_, unit_, when_, help_)                        \
    {.name = #name_, .kind = CONFIG_KIND_##kind_, TEXT_##kind_(def), .min = min_, .max = max_,     \
     .unit = unit_, .when = WHEN_##when_, .help = help_,                                           \
     .at = offsetof(struct config_##section, name_)},
#define END_SECTION(name) };                                                                       \
    _Static_assert(ARRAY_LEN(name##_options) <= CONFIG_OPTIONS_MAX, "room for its options");
#include "gatewayd/shared/config_options.h"
#undef SECTION
#undef OPTION
#undef END_SECTION
#undef else

static const struct config_section sections[] = {
#define SECTION(name_, form)                                                                       \
    {.name = #name_, FORM_##form, .options = name_##_options,                            \
     .n_options = ARRAY_LEN(name_##_options), .size = sizeof(struct config_##name_),               \
     .array_at = offsetof(struct config, name_), .n_at = offsetof(struct config, n_##name_)},
#define OPTION(section, name, kind, def, min, max, unit, when, help)
#define END_SECTION(name)
#include "gatewayd/shared/config_options.h"
#undef SECTION
#undef OPTION
#undef END_SECTION
};
/* clang-format on */

const struct config_section *config_sections(size_t *ret_n)
{
    if (ret_n)
        *ret_n = ARRAY_LEN(sections);
    return sections;
}

/* The arrays have a type each: their pointer is read and written as octets. */
static void *array_of(const struct config *config, const struct config_section *section)
{
    void *array;

    memcpy(&array, (const uint8_t *)config + section->array_at, sizeof(array));
    return array;
}

size_t config_count(const struct config *config, const struct config_section *section)
{
    return *(const size_t *)((const uint8_t *)config + section->n_at);
}

struct config_any *config_at(const struct config *config, const struct config_section *section,
                             size_t i)
{
    return (struct config_any *)((uint8_t *)array_of(config, section) + i * section->size);
}

void *config_member(const void *section, const struct config_option *option)
{
    return (uint8_t *)section + option->at;
}

/* --- memory ----------------------------------------------------------------------------------- */

struct block {
    struct block *next;
    max_align_t octets[];
};

struct config_memory {
    struct block *blocks;
};

struct config_memory *config_memory_new(void)
{
    return xcalloc(1, sizeof(struct config_memory));
}

void *config_take(struct config_memory *memory, size_t size)
{
    struct block *block = xcalloc(1, sizeof(*block) + size);

    block->next = memory->blocks;
    memory->blocks = block;
    return block->octets;
}

const char *config_take_text(struct config_memory *memory, struct bytes text)
{
    char *copy = config_take(memory, text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    return copy;
}

struct config *config_free(struct config *config)
{
    if (!config)
        return NULL;
    while (config->memory->blocks) {
        struct block *block = config->memory->blocks;

        config->memory->blocks = block->next;
        free(block);
    }
    free(config->memory);
    free(config);
    return NULL;
}

void config_set_count(struct config *config, const struct config_section *row, size_t n)
{
    void *array = config_take(config->memory, n * row->size);

    memcpy((uint8_t *)config + row->array_at, &array, sizeof(array));
    *(size_t *)((uint8_t *)config + row->n_at) = n;
}

static struct config_list one_value(const char *text, struct config_memory *memory)
{
    const char **values = config_take(memory, sizeof(*values));

    values[0] = text;
    return (struct config_list){.at = values, .n = 1};
}

void config_set_defaults(const struct config_section *row, void *section,
                         struct config_memory *memory)
{
    for (size_t i = 0; i < row->n_options; i++) {
        const struct config_option *option = &row->options[i];
        void *member = config_member(section, option);

        if (option->kind == CONFIG_KIND_TEXT || option->kind == CONFIG_KIND_NEEDED)
            *(const char **)member = option->text;
        else if (option->kind != CONFIG_KIND_LIST)
            *(int64_t *)member = option->number;
        else if (option->text)
            *(struct config_list *)member = one_value(option->text, memory);
    }
}

struct config *config_new(void)
{
    struct config *config = xcalloc(1, sizeof(*config));

    config->memory = config_memory_new();
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        struct config_any *any;

        config_set_count(config, &sections[i], sections[i].titled ? 0 : 1);
        if (sections[i].titled)
            continue;
        any = config_at(config, &sections[i], 0);
        *any = (struct config_any){.title = "", .place = {.file = "", .line = 0}};
        config_set_defaults(&sections[i], any, config->memory);
    }
    return config;
}

/* --- words ------------------------------------------------------------------------------------ */

struct bytes config_choice_word(const char *words, int64_t number)
{
    for (;; number--) {
        size_t len = strcspn(words, "|");

        if (number == 0)
            return (struct bytes){(const uint8_t *)words, len};
        if (!words[len])
            return bytes_of("?");
        words += len + 1;
    }
}

int64_t config_choice(const char *words, struct bytes text)
{
    for (int64_t number = 0;; number++) {
        size_t len = strcspn(words, "|");

        if (bytes_equal((struct bytes){(const uint8_t *)words, len}, text))
            return number;
        if (!words[len])
            return -1;
        words += len + 1;
    }
}

/* --- look-ups --------------------------------------------------------------------------------- */

bool config_list_has(const struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], text) == 0)
            return true;
    return false;
}

#define FIND(name)                                                                                 \
    const struct config_##name *config_find_##name(const struct config *config, const char *title) \
    {                                                                                              \
        for (size_t i = 0; i < config->n_##name; i++)                                              \
            if (strcmp(config->name[i].title, title) == 0)                                         \
                return &config->name[i];                                                           \
        return NULL;                                                                               \
    }
FIND(tls)
FIND(ca)
FIND(listener)
FIND(service)
FIND(spawn)
FIND(upstream_tls)

const struct config_list *config_accepted_cas(const struct config_listener *listener,
                                              const struct config_service *service)
{
    return service && service->ca.n > 0 ? &service->ca : &listener->ca;
}

/* --- what a reload may change ----------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_value(const struct config_option *option, const void *a, const void *b)
{
    const struct config_list *list_a = a, *list_b = b;

    if (option->kind == CONFIG_KIND_TEXT || option->kind == CONFIG_KIND_NEEDED)
        return same_text(*(const char *const *)a, *(const char *const *)b);
    if (option->kind != CONFIG_KIND_LIST)
        return *(const int64_t *)a == *(const int64_t *)b;
    if (list_a->n != list_b->n)
        return false;
    for (size_t i = 0; i < list_a->n; i++)
        if (!same_text(list_a->at[i], list_b->at[i]))
            return false;
    return true;
}

static const struct config_any *find_any(const struct config *config,
                                         const struct config_section *row, const char *title)
{
    for (size_t i = 0; i < config_count(config, row); i++)
        if (same_text(config_at(config, row, i)->title, title))
            return config_at(config, row, i);
    return NULL;
}

/* Adds what differs between one section and its namesake, or that there is none. */
static void add_differences(const struct config_section *row, const struct config_any *section,
                            const struct config_any *other, enum config_when when,
                            struct writer *out)
{
    for (size_t i = 0; i < row->n_options; i++) {
        const struct config_option *option = &row->options[i];

        if (option->when != when || (other && same_value(option, config_member(section, option),
                                                         config_member(other, option))))
            continue;
        writer_printf(out, "%s%s%s%s%s", out->len > 0 ? ", " : "", row == sections ? "" : row->name,
                      row == sections ? "" : " ", option->name, other ? "" : " (");
        if (!other) {
            writer_printf(out, "%s)", section->title);
            return;
        }
    }
}

/* Appends "HOW changes: NAMES" when there are any. */
static void say_differences(const struct config *before, const struct config *after,
                            enum config_when when, const char *how, struct writer *out)
{
    AUTO(writer_clear) struct writer names = writer_new(64 * 1024);

    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        for (size_t k = 0; k < config_count(after, &sections[i]); k++) {
            const struct config_any *any = config_at(after, &sections[i], k);

            add_differences(&sections[i], any, find_any(before, &sections[i], any->title), when,
                            &names);
        }
        for (size_t k = 0; k < config_count(before, &sections[i]); k++) {
            const struct config_any *any = config_at(before, &sections[i], k);

            if (!find_any(after, &sections[i], any->title))
                add_differences(&sections[i], any, NULL, when, &names);
        }
    }
    if (names.len == 0)
        return;
    writer_printf(out, "%s%s changes: ", out->len > 0 ? "; " : "", how);
    writer_put(out, writer_bytes(&names));
}

bool config_needs_restart(const struct config *before, const struct config *after,
                          struct error *ret_what)
{
    AUTO(writer_clear) struct writer what = writer_new(160 * 1024);

    say_differences(before, after, CONFIG_BY_RESTART, "only a restart", &what);
    say_differences(before, after, CONFIG_BY_UPGRADE, "only gatewayctl upgrade or a restart",
                    &what);
    if (what.len == 0)
        return false;
    writer_u8(&what, 0);
    (void)err_set(ret_what, REASON_CONFIG_VALUE, "%s", (const char *)what.at);
    return true;
}
