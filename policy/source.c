/*
 * From policy text to libconfuse's sections, with the traps of libconfuse closed by the pre-scan.
 * Runs in load and in the tools; trusts nothing of the text. Both readers must agree on every
 * value.
 */
#include "policy/source.h"

#include "common/text.h"
#include "policy/conditions.h"
#include "policy/suggest.h"

#include <confuse.h>

enum { FIELDS_MAX = 2 * POLICY_FACT__COUNT + 32 }; /* conditions, their opposites, attributes */

static const char *const section_names[] = {"network", "calendar", "window", "rule"};
static const char *const part_names[] = {"for", "need"}; /* sections within a rule */

/* Of the sections that define a name. */
static const struct {
    const char *section;
    const char *fields[5];
} definitions[] = {
    {"network", {"cidr"}},
    {"calendar", {"dates"}},
    {"window", {"tz", "days", "hours", "ranges", "except"}},
};

struct fields {
    const char *at[FIELDS_MAX];
    size_t n;
};

static bool is_in(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_part(const char *section)
{
    return is_in(section, part_names, ARRAY_LEN(part_names));
}

static struct fields fields_of(const char *section)
{
    struct fields fields = {.n = 0};

    for (size_t i = 0; i < ARRAY_LEN(definitions); i++) {
        if (strcmp(section, definitions[i].section) != 0)
            continue;
        while (fields.n < ARRAY_LEN(definitions[i].fields) && definitions[i].fields[fields.n]) {
            fields.at[fields.n] = definitions[i].fields[fields.n];
            fields.n++;
        }
        return fields;
    }
    for (size_t i = 0; i < POLICY_FACT__COUNT; i++) {
        fields.at[fields.n++] = condition_of((enum policy_fact_id)i)->name;
        fields.at[fields.n++] = condition_of((enum policy_fact_id)i)->not_name;
    }
    if (is_part(section))
        return fields;
    for (size_t i = 0; i < n_rule_attributes; i++)
        fields.at[fields.n++] = rule_attributes[i].name;
    fields.at[fields.n++] = "overrides";
    return fields;
}

static void unknown_name(const struct source *source, const struct prescan_item *item,
                         const char *what, const char *const *names, size_t n)
{
    const char *meant = suggest(item->name, names, n);

    problems_say(source->problems, source->file, item->line, REASON_POLICY_SYNTAX,
                 "no %s is called \"%s\"%s%s%s", what, item->name, meant ? "; did you mean \"" : "",
                 meant ? meant : "", meant ? "\"?" : "");
}

/* Outside of any section. */
static void check_outer(const struct source *source, const struct prescan_item *item)
{
    bool known = is_in(item->name, section_names, ARRAY_LEN(section_names));

    if (!item->is_section)
        problems_say(source->problems, source->file, item->line, REASON_POLICY_SYNTAX,
                     "\"%s\" stands outside of a section", item->name);
    else if (!known)
        unknown_name(source, item, "section", section_names, ARRAY_LEN(section_names));
    else if (!item->title)
        problems_say(source->problems, source->file, item->line, REASON_POLICY_SYNTAX,
                     "a %s needs a name: %s \"NAME\" {", item->name, item->name);
    else if (strlen(item->title) > POLICY_NAME_MAX)
        problems_say(source->problems, source->file, item->line, REASON_POLICY_VALUE,
                     "a name has at most %d octets", POLICY_NAME_MAX);
}

static bool is_attribute(const char *name)
{
    for (size_t i = 0; i < n_rule_attributes; i++)
        if (strcmp(name, rule_attributes[i].name) == 0)
            return true;
    return false;
}

static void check_field(const struct source *source, const struct prescan_item *section,
                        const struct prescan_item *item)
{
    struct fields fields = fields_of(section->name);
    bool rule = strcmp(section->name, "rule") == 0;

    if (item->is_section && rule && is_part(item->name) && !item->title)
        return;
    if (item->is_section)
        problems_say(source->problems, source->file, item->line, REASON_POLICY_SYNTAX,
                     "a %s holds no section \"%s\"", section->name, item->name);
    else if (!is_in(item->name, fields.at, fields.n))
        unknown_name(source, item, "field", fields.at, fields.n);
    else if (item->is_list && is_attribute(item->name))
        problems_say(source->problems, source->file, item->line, REASON_POLICY_SYNTAX,
                     "%s takes one value, without braces", item->name);
}

/* Sections and fields against the ones that exist. */
static void check_names(const struct source *source)
{
    size_t n_sections = 0;

    for (size_t i = 1; i <= prescan_n_items(source->scan); i++) {
        const struct prescan_item *item = prescan_item(source->scan, i);
        const struct prescan_item *parent = prescan_item(source->scan, item->parent);

        if (!parent) {
            check_outer(source, item);
            if (item->is_section && ++n_sections == POLICY_RULES_PER_FILE + 1)
                problems_say(source->problems, source->file, item->line, REASON_POLICY_VALUE,
                             "more than %d sections: use several files", POLICY_RULES_PER_FILE);
        } else if (parent->parent == PRESCAN_FILE
                       ? is_in(parent->name, section_names, ARRAY_LEN(section_names))
                       : is_part(parent->name)) {
            check_field(source, parent, item);
        }
    }
}

/* Every error has been found before libconfuse runs; if not, check_second says so. */
static void silence(cfg_t *cfg, const char *fmt, va_list args)
{
    (void)cfg;
    (void)fmt;
    (void)args;
}

static size_t make_options(cfg_opt_t options[FIELDS_MAX + 1], const char *section)
{
    struct fields fields = fields_of(section);

    for (size_t i = 0; i < fields.n; i++)
        options[i] = (cfg_opt_t)CFG_STR_LIST(fields.at[i], NULL, CFGF_NODEFAULT);
    options[fields.n] = (cfg_opt_t)CFG_END();
    return fields.n;
}

static bool same_values(const struct source *source, cfg_t *section, const char *name, size_t item)
{
    const struct prescan_item *scanned = prescan_item(source->scan, item);
    size_t n = cfg_size(section, name);

    if (n != (scanned ? scanned->n_values : 0))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(prescan_value(source->scan, item, i), cfg_getnstr(section, name, (unsigned)i)) !=
            0)
            return false;
    return true;
}

/* item: what the pre-scan has for the section. */
static void compare_fields(const struct source *source, const char *name, cfg_t *section,
                           size_t item)
{
    struct fields fields = fields_of(name);

    for (size_t i = 0; i < fields.n; i++) {
        size_t field = prescan_find(source->scan, item, fields.at[i], NULL);

        if (!item || !same_values(source, section, fields.at[i], field))
            problems_say(source->problems, source->file, prescan_line(source->scan, item),
                         REASON_POLICY_SYNTAX, "libconfuse reads %s in another way", fields.at[i]);
    }
}

static void compare_part(const struct source *source, const char *name, cfg_t *rule, size_t item)
{
    size_t part = prescan_find(source->scan, item, name, NULL);

    if (cfg_size(rule, name) != (part ? 1 : 0))
        problems_say(source->problems, source->file, prescan_line(source->scan, item),
                     REASON_POLICY_SYNTAX, "libconfuse reads %s in another way", name);
    else if (part)
        compare_fields(source, name, cfg_getnsec(rule, name, 0), part);
}

static void compare_section(const struct source *source, const char *name, cfg_t *section)
{
    size_t item = prescan_find(source->scan, PRESCAN_FILE, name, cfg_title(section));

    compare_fields(source, name, section, item);
    for (size_t i = 0; strcmp(name, "rule") == 0 && i < ARRAY_LEN(part_names); i++)
        compare_part(source, part_names[i], section, item);
}

static size_t count_sections(const struct source *source, const char *name)
{
    size_t n = 0;

    for (size_t item = source_next(source, name, 0); item; item = source_next(source, name, item))
        n++;
    return n;
}

static void compare(const struct source *source, cfg_t *cfg)
{
    for (size_t k = 0; k < ARRAY_LEN(section_names); k++) {
        const char *name = section_names[k];
        size_t n = cfg_size(cfg, name);

        if (n != count_sections(source, name))
            problems_say(source->problems, source->file, 1, REASON_POLICY_SYNTAX,
                         "libconfuse finds another number of %s sections", name);
        for (size_t i = 0; i < n; i++)
            compare_section(source, name, cfg_getnsec(cfg, name, (unsigned)i));
    }
}

/* Of a file that has no error so far. */
static void check_second(const struct source *source)
{
    enum { SECTIONS = ARRAY_LEN(section_names), PARTS = ARRAY_LEN(part_names) };
    cfg_opt_t options[SECTIONS][FIELDS_MAX + PARTS + 1], part_options[FIELDS_MAX + 1];
    cfg_opt_t sections[SECTIONS + 1];
    cfg_t *cfg;

    (void)make_options(part_options, part_names[0]);
    for (size_t i = 0; i < SECTIONS; i++) {
        size_t n = make_options(options[i], section_names[i]);

        for (size_t k = 0; strcmp(section_names[i], "rule") == 0 && k < PARTS; k++)
            options[i][n++] = (cfg_opt_t)CFG_SEC(part_names[k], part_options, CFGF_MULTI);
        options[i][n] = (cfg_opt_t)CFG_END();
        sections[i] = (cfg_opt_t)CFG_SEC(section_names[i], options[i],
                                         CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
    }
    sections[SECTIONS] = (cfg_opt_t)CFG_END();
    cfg = cfg_init(sections, CFGF_NONE);
    if (!cfg)
        abort();
    cfg_set_error_function(cfg, silence);
    if (cfg_parse_buf(cfg, prescan_text(source->scan)) == CFG_SUCCESS)
        compare(source, cfg);
    else
        problems_say(source->problems, source->file, (uint32_t)cfg->line, REASON_POLICY_SYNTAX,
                     "libconfuse cannot read this line");
    cfg_free(cfg);
}

static void hear(void *context, const char *file, uint32_t line, const struct error *err)
{
    const struct source *source = context;

    (void)file;
    problems_add(source->problems, source->file, line, err);
}

/* False when the text is not worth a scan. */
static bool check_size(const struct source *source)
{
    struct bytes name = bytes_of(source->text->name);

    if (name.len == 0 || name.len > POLICY_NAME_MAX || !text_is_clean(name))
        problems_say(source->problems, source->file, 1, REASON_POLICY_VALUE,
                     "a file name has 1 to %d octets and no control characters", POLICY_NAME_MAX);
    if (source->text->text.len <= POLICY_FILE_MAX)
        return true;
    problems_say(source->problems, source->file, 1, REASON_FILE_TOO_LARGE, "more than %d octets",
                 POLICY_FILE_MAX);
    return false;
}

void source_open(struct source *source, size_t file, const struct policy_file *text,
                 struct problems *problems)
{
    const struct prescan_errors errors = {hear, source};
    size_t before = problems->found;

    *source = (struct source){.file = file, .text = text, .problems = problems};
    if (!check_size(source))
        return;
    source->scan = prescan_new(text->name, text->text, REASON_POLICY_SYNTAX, &errors);
    source->readable = prescan_complete(source->scan);
    check_names(source);
    if (problems->found == before)
        check_second(source);
}

void source_close(struct source *source)
{
    source->scan = prescan_free(source->scan);
}

size_t source_next(const struct source *source, const char *name, size_t item)
{
    size_t n = source->readable ? prescan_n_items(source->scan) : 0;

    while (++item <= n) {
        const struct prescan_item *here = prescan_item(source->scan, item);

        if (here->is_section && here->title && here->parent == PRESCAN_FILE &&
            strcmp(here->name, name) == 0)
            return item;
    }
    return 0;
}

struct bytes source_title(const struct source *source, size_t section)
{
    return bytes_of(prescan_item(source->scan, section)->title);
}

size_t source_part(const struct source *source, size_t section, const char *name)
{
    size_t part = prescan_find(source->scan, section, name, NULL);

    return part && prescan_item(source->scan, part)->is_section ? part : 0;
}

size_t source_field(const struct source *source, size_t section, const char *name,
                    size_t *ret_n_values)
{
    size_t field = prescan_find(source->scan, section, name, NULL);

    *ret_n_values = field ? prescan_item(source->scan, field)->n_values : 0;
    return *ret_n_values ? field : 0;
}

bool source_mentions(const struct source *source, size_t section, const char *name)
{
    return prescan_find(source->scan, section, name, NULL) != 0;
}

struct bytes source_value(const struct source *source, size_t field, size_t i)
{
    return bytes_of(prescan_value(source->scan, field, i));
}

void source_blame(const struct source *source, size_t item, const struct error *err)
{
    problems_add(source->problems, source->file, prescan_line(source->scan, item), err);
}

void source_blame_value(const struct source *source, size_t field, size_t i,
                        const struct error *err)
{
    problems_add(source->problems, source->file, prescan_value_line(source->scan, field, i), err);
}
