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

/* Whether the section has a name where its row wants one. One inside of another has none. */
static bool check_title(struct config_source *source, const struct prescan_item *at,
                        const struct config_section *row)
{
    bool named = row->titled && !row->inside;

    if (named != (at->title != NULL))
        config_found(
            source->loading, (struct config_place){source->name, at->line}, REASON_CONFIG_SYNTAX,
            named ? "section %s needs a name: %s \"NAME\" {" : "section %s has no name: %s {",
            row->name, row->name);
    return named == (at->title != NULL);
}

/*
 * The instance of a section that begins at this item; NULL when it may not stand there. title: its
 * own, or that of the section around it.
 */
static struct config_instance *begin_section(struct config_source *source, size_t item, size_t kind,
                                             const char *title)
{
    struct config_loading *loading = source->loading;
    const struct prescan_item *at = prescan_item(source->scan, item);
    struct config_place place = {source->name, at->line};
    const struct config_section *row = &config_sections(NULL)[kind];
    struct config_instance *instance;
    struct config_any *section;

    instance = find_instance(loading, kind, title);
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
    if (at->title && !config_title_is_good(at->title))
        config_found(loading, place, REASON_CONFIG_VALUE,
                     "%s %s: a name has letters, digits, \"-\", \"_\" and \".\", at most 64",
                     row->name, at->title);
    section = config_take(loading->config->memory, row->size);
    section->title = config_take_text(loading->config->memory, bytes_of(title));
    section->place = place;
    config_set_defaults(row, section, loading->config->memory);
    return config_add_instance(loading, kind, section);
}

struct position {
    size_t kind, instance;
    cfg_t *values;
    bool known;
};

/* The values of a section as libconfuse has read them; NULL: it could not be asked. */
static cfg_t *section_values(const struct prescan_item *at, const struct config_section *row,
                             cfg_t *around)
{
    if (!around)
        return NULL;
    return row->titled && !row->inside ? cfg_gettsec(around, at->name, at->title)
                                       : cfg_getsec(around, at->name);
}

/* around: the section that it stands in, or the file. */
static void take_section(struct config_source *source, size_t item, const struct position *around,
                         struct position *ret_position)
{
    const struct prescan_item *at = prescan_item(source->scan, item);
    struct config_place place = {source->name, at->line};
    size_t n, kind;
    const struct config_section *rows = config_sections(&n);
    const char *inside = at->parent == PRESCAN_FILE ? NULL : rows[around->kind].name;
    const char *title = at->title ? at->title : "";
    struct config_instance *instance;

    if (!around->known)
        return;
    kind = config_find_row(source, at->line, at->name);
    if (kind == n)
        return;
    if (rows[kind].inside ? !inside || strcmp(rows[kind].inside, inside) != 0 : inside != NULL) {
        config_found(source->loading, place, REASON_CONFIG_SYNTAX,
                     rows[kind].inside ? "section %s stands inside of a section %s"
                                       : "section %s inside of a section",
                     at->name, rows[kind].inside);
        return;
    }
    if (!check_title(source, at, &rows[kind]))
        return;
    if (inside)
        title = source->loading->kinds[around->kind].at[around->instance].section->title;
    instance = begin_section(source, item, kind, title);
    if (!instance)
        return;
    *ret_position = (struct position){
        .kind = kind,
        .instance = (size_t)(instance - source->loading->kinds[kind].at),
        .values = section_values(at, &rows[kind], around->values),
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
            take_section(source, item, &positions[at->parent], &positions[item]);
        else
            take_option(source, item, &positions[at->parent]);
    }
    free(positions);
}

/* --- libconfuse ------------------------------------------------------------------------------- */

/* What the pre-scan lets through and libconfuse does not is told by its line. */
static void say_nothing(cfg_t *cfg, const char *fmt, va_list args)
{
    (void)cfg;
    (void)fmt;
    (void)args;
}

enum { SECTION_KINDS_MAX = 24, PARSER_OPTIONS_MAX = CONFIG_OPTIONS_MAX + SECTION_KINDS_MAX + 1 };

/* What libconfuse is told of the sections; it copies that. */
struct parser_rows {
    cfg_opt_t options[SECTION_KINDS_MAX][PARSER_OPTIONS_MAX];
};

static cfg_opt_t section_row(const struct config_section *row, cfg_opt_t *options)
{
    cfg_flag_t flags =
        row->titled && !row->inside ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_NONE;

    return (cfg_opt_t)CFG_SEC(row->name, options, flags);
}

/*
 * Options of one kind of section and the sections that may stand in it. All values are lists of
 * texts to libconfuse: the rows say what they mean.
 */
static void parser_options(struct parser_rows *all, size_t kind)
{
    size_t n, at = 0;
    const struct config_section *rows = config_sections(&n);
    cfg_opt_t *out = all->options[kind];

    for (size_t i = 0; i < rows[kind].n_options; i++)
        out[at++] = (cfg_opt_t)CFG_STR_LIST(rows[kind].options[i].name, NULL, CFGF_NODEFAULT);
    for (size_t i = 1; i < n; i++)
        if (rows[i].inside ? strcmp(rows[i].inside, rows[kind].name) == 0 : kind == 0)
            out[at++] = section_row(&rows[i], all->options[i]);
    out[at] = (cfg_opt_t)CFG_END();
}

static cfg_t *new_parser(void)
{
    struct parser_rows rows;
    size_t n;
    cfg_t *cfg;

    (void)config_sections(&n);
    if (n > SECTION_KINDS_MAX)
        abort();
    for (size_t kind = n; kind-- > 0;) /* inner ones first */
        parser_options(&rows, kind);
    cfg = cfg_init(rows.options[0], CFGF_IGNORE_UNKNOWN);
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
