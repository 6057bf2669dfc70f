/*
 * One text of gatewayd.conf: the pre-scan finds sections, options and lines, libconfuse gives the
 * values, the rows say what they may be. Runs where a configuration is loaded, never in a child.
 * What the pre-scan lets through and libconfuse does not is an error too.
 */
#include "gatewayd/shared/config_source.h"

#include "gatewayd/shared/config_value.h"
#include "gatewayd/shared/xalloc.h"

static void found_by_scan(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct config_source *source = context;

    (void)file;
    config_found(source->loading, (struct config_place){source->name, line}, err->reason, "%s",
                 err->detail);
}

/* --- sections --------------------------------------------------------------------------------- */

static struct config_instance *find_instance(struct config_loading *loading, size_t kind,
                                             const char *title)
{
    for (size_t i = 0; i < loading->kinds[kind].n; i++)
        if (strcmp(loading->kinds[kind].at[i].section->title, title) == 0)
            return &loading->kinds[kind].at[i];
    return NULL;
}

/* The instance of a section that begins at this item; NULL when it may not stand there. */
static struct config_instance *begin_section(struct config_source *source, size_t item, size_t kind)
{
    struct config_loading *loading = source->loading;
    const struct prescan_item *at = prescan_item(source->scan, item);
    struct config_place place = {source->name, at->line};
    const struct config_section *row = &config_sections(NULL)[kind];
    struct config_instance *instance;
    struct config_any *section;

    if (row->titled != (at->title != NULL)) {
        config_found(loading, place, REASON_CONFIG_SYNTAX,
                     row->titled ? "section %s needs a name: %s \"NAME\" {"
                                 : "section %s has no name: %s {",
                     row->name, row->name);
        return NULL;
    }
    instance = find_instance(loading, kind, at->title ? at->title : "");
    if (instance && instance->section->place.line > 0) {
        config_found(loading, place, REASON_CONFIG_SYNTAX, "section %s %s stands in %s:%u already",
                     row->name, instance->section->title, instance->section->place.file,
                     instance->section->place.line);
        return NULL;
    }
    if (instance) {
        instance->section->place = place;
        return instance;
    }
    if (!config_title_is_good(at->title))
        config_found(loading, place, REASON_CONFIG_VALUE,
                     "%s %s: a name has letters, digits, \"-\", \"_\" and \".\", at most 64",
                     row->name, at->title);
    section = config_take(loading->config->memory, row->size);
    section->title = config_take_text(loading->config->memory, bytes_of(at->title));
    section->place = place;
    config_set_defaults(row, section, loading->config->memory);
    return config_add_instance(loading, kind, section);
}

struct position {
    size_t kind, instance;
    cfg_t *values;
    bool known;
};

static void take_section(struct config_source *source, size_t item, struct position *ret_position)
{
    const struct prescan_item *at = prescan_item(source->scan, item);
    size_t n, kind;
    const struct config_section *rows = config_sections(&n);
    struct config_instance *instance;

    if (at->parent != PRESCAN_FILE) {
        config_found(source->loading, (struct config_place){source->name, at->line},
                     REASON_CONFIG_SYNTAX, "section %s inside of a section", at->name);
        return;
    }
    kind = config_find_row(source, at->line, at->name);
    if (kind == n)
        return;
    instance = begin_section(source, item, kind);
    if (!instance)
        return;
    *ret_position = (struct position){
        .kind = kind,
        .instance = (size_t)(instance - source->loading->kinds[kind].at),
        .values = !source->values     ? NULL
                  : rows[kind].titled ? cfg_gettsec(source->values, at->name, at->title)
                                      : cfg_getsec(source->values, at->name),
        .known = true,
    };
}

static void take_option(struct config_source *source, size_t item, const struct position *position)
{
    const struct prescan_item *at = prescan_item(source->scan, item);
    const struct config_section *row = &config_sections(NULL)[position->kind];
    struct config_place place = {source->name, at->line};
    struct config_instance *instance;
    size_t option;

    if (!position->known)
        return;
    option = config_find_option(source, at->line, row, at->name);
    if (option == row->n_options)
        return;
    instance = &source->loading->kinds[position->kind].at[position->instance];
    if (instance->options[option].line > 0) {
        /* Within one file the pre-scan has said it. */
        if (strcmp(instance->options[option].file, source->name) != 0)
            config_found(source->loading, place, REASON_CONFIG_SYNTAX,
                         "option %s stands in %s:%u already", at->name,
                         instance->options[option].file, instance->options[option].line);
        return;
    }
    instance->options[option] = place;
    if (position->values)
        config_read_option(source, item, &row->options[option], position->values,
                           config_member(instance->section, &row->options[option]));
}

static void take_items(struct config_source *source)
{
    size_t n = prescan_n_items(source->scan);
    struct position *positions = xcalloc(n + 1, sizeof(*positions));

    positions[PRESCAN_FILE] = (struct position){.values = source->values, .known = true};
    for (size_t item = 1; item <= n; item++) {
        const struct prescan_item *at = prescan_item(source->scan, item);

        if (at->is_section)
            take_section(source, item, &positions[item]);
        else
            take_option(source, item, &positions[at->parent]);
    }
    free(positions);
}

/* --- libconfuse ------------------------------------------------------------------------------- */

/* All values are lists of texts to libconfuse: the rows say what they mean. */
static void option_rows(const struct config_section *row, cfg_opt_t *out)
{
    for (size_t i = 0; i < row->n_options; i++)
        out[i] = (cfg_opt_t)CFG_STR_LIST(row->options[i].name, NULL, CFGF_NODEFAULT);
    out[row->n_options] = (cfg_opt_t)CFG_END();
}

/* What the pre-scan lets through and libconfuse does not is told by its line. */
static void say_nothing(cfg_t *cfg, const char *fmt, va_list args)
{
    (void)cfg;
    (void)fmt;
    (void)args;
}

enum { SECTION_KINDS_MAX = 16 };

static cfg_t *new_parser(void)
{
    cfg_opt_t options[SECTION_KINDS_MAX][CONFIG_OPTIONS_MAX + 1];
    cfg_opt_t file[CONFIG_OPTIONS_MAX + SECTION_KINDS_MAX + 1];
    size_t n, at;
    const struct config_section *rows = config_sections(&n);
    cfg_t *cfg;

    if (n > SECTION_KINDS_MAX)
        abort();
    option_rows(&rows[0], file);
    at = rows[0].n_options;
    for (size_t i = 1; i < n; i++) {
        option_rows(&rows[i], options[i]);
        file[at++] = (cfg_opt_t)CFG_SEC(
            rows[i].name, options[i],
            rows[i].titled ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_NONE);
    }
    file[at] = (cfg_opt_t)CFG_END();
    cfg = cfg_init(file, CFGF_IGNORE_UNKNOWN);
    if (!cfg)
        abort();
    (void)cfg_set_error_function(cfg, say_nothing);
    return cfg;
}

void config_read_text(struct config_loading *loading, const char *name, struct bytes text,
                      const char *hostname)
{
    struct config_source source = {.loading = loading, .hostname = hostname};
    struct prescan_errors errors = {.found = found_by_scan, .context = &source};
    size_t before = loading->n_findings;
    struct prescan *scan;
    bool parsed;

    source.name = config_take_text(loading->config->memory, bytes_of(name));
    loading->files = xrealloc(loading->files, loading->n_files + 1, sizeof(*loading->files));
    loading->files[loading->n_files++] = source.name;
    scan = prescan_new(source.name, text, REASON_CONFIG_SYNTAX, &errors);
    source.scan = scan;
    if (prescan_complete(scan)) {
        source.values = new_parser();
        parsed = cfg_parse_buf(source.values, prescan_text(scan)) == CFG_SUCCESS;
        take_items(&source);
        if (!parsed && loading->n_findings == before)
            config_found(loading, (struct config_place){source.name, (uint32_t)source.values->line},
                         REASON_CONFIG_SYNTAX, "cannot be parsed");
        (void)cfg_free(source.values);
    }
    prescan_free(scan);
}
