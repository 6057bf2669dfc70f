/*
 * gatewayd.conf and conf.d from text to structs: the pre-scan finds sections, options and lines,
 * libconfuse gives the values, the rows say what they may be. Runs in the parent and in the tools,
 * never in a child. The only file that knows libconfuse. All errors are collected; nothing of a
 * configuration with an error is used.
 */
#include "gatewayd/shared/config_load.h"

#include "common/prescan.h"
#include "common/text.h"
#include "gatewayd/shared/config_value.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/xalloc.h"

#include <confuse.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum {
    FILE_OCTETS_MAX = 4 << 20, /* of one file */
    FILES_MAX = 1000,
    VALUE_MAX = 4096, /* octets of one value of a list */
};

/* One file while it is read. */
struct source {
    struct config_loading *loading;
    const char *name; /* in the configuration's memory */
    const struct prescan *scan;
    cfg_t *values;
    const char *hostname;
};

/* --- errors ----------------------------------------------------------------------------------- */

static size_t file_number(struct config_loading *loading, const char *name)
{
    for (size_t i = 0; i < loading->n_files; i++)
        if (strcmp(loading->files[i], name) == 0)
            return i;
    return loading->n_files;
}

void config_found(struct config_loading *loading, struct config_place place, enum reason reason,
                  const char *fmt, ...)
{
    struct config_finding *finding;
    char detail[ERROR_DETAIL_MAX];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(detail, sizeof(detail), fmt, args) < 0)
        detail[0] = '\0';
    va_end(args);
    loading->findings =
        xrealloc(loading->findings, loading->n_findings + 1, sizeof(*loading->findings));
    finding = &loading->findings[loading->n_findings++];
    finding->file = file_number(loading, place.file);
    finding->place = place;
    (void)err_set(&finding->err, reason, "%s", detail);
}

static void found_by_scan(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct source *source = context;

    (void)file;
    config_found(source->loading, (struct config_place){source->name, line}, err->reason, "%s",
                 err->detail);
}

static void report(struct config_loading *loading, const struct config_errors *errors)
{
    /* Insertion keeps equal lines in the order of finding; there are few. */
    for (size_t i = 1; i < loading->n_findings; i++) {
        struct config_finding moved = loading->findings[i];
        size_t k = i;

        while (k > 0 && (loading->findings[k - 1].file > moved.file ||
                         (loading->findings[k - 1].file == moved.file &&
                          loading->findings[k - 1].place.line > moved.place.line))) {
            loading->findings[k] = loading->findings[k - 1];
            k--;
        }
        loading->findings[k] = moved;
    }
    for (size_t i = 0; i < loading->n_findings; i++)
        errors->found(errors->context, loading->findings[i].place.file,
                      loading->findings[i].place.line, &loading->findings[i].err);
}

/* --- names ------------------------------------------------------------------------------------ */

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

static void found_unknown(struct source *source, uint32_t line, const char *what,
                          const char *written, const struct suggestion *best)
{
    struct config_place place = {source->name, line};

    if (best->name)
        config_found(source->loading, place, REASON_CONFIG_SYNTAX,
                     "unknown %s %s; did you mean %s?", what, written, best->name);
    else
        config_found(source->loading, place, REASON_CONFIG_SYNTAX, "unknown %s %s", what, written);
}

static size_t find_section(const char *name, struct suggestion *best)
{
    size_t n;
    const struct config_section *rows = config_sections(&n);

    *best = (struct suggestion){NULL, 3};
    for (size_t i = 1; i < n; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return i;
        consider(best, name, rows[i].name);
    }
    return n;
}

static size_t find_option(const struct config_section *row, const char *name,
                          struct suggestion *best)
{
    *best = (struct suggestion){NULL, 3};
    for (size_t i = 0; i < row->n_options; i++) {
        if (strcmp(row->options[i].name, name) == 0)
            return i;
        consider(best, name, row->options[i].name);
    }
    return row->n_options;
}

/* --- values ----------------------------------------------------------------------------------- */

/* A value with each @hostname replaced, in the configuration's memory. */
static const char *expanded(struct source *source, const char *text)
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

static bool set_text(struct source *source, struct config_place place,
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

static void set_number(struct source *source, struct config_place place,
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

static void set_list(struct source *source, size_t item, const struct config_option *option,
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

static void set_option(struct source *source, size_t item, const struct config_option *option,
                       cfg_t *section, void *member)
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

/* --- sections --------------------------------------------------------------------------------- */

static struct config_instance *add_instance(struct config_loading *loading, size_t kind,
                                            struct config_any *section)
{
    struct config_kind_loading *list = &loading->kinds[kind];

    list->at = xrealloc(list->at, list->n + 1, sizeof(*list->at));
    list->at[list->n] = (struct config_instance){.section = section};
    return &list->at[list->n++];
}

static struct config_instance *find_instance(struct config_loading *loading, size_t kind,
                                             const char *title)
{
    for (size_t i = 0; i < loading->kinds[kind].n; i++)
        if (strcmp(loading->kinds[kind].at[i].section->title, title) == 0)
            return &loading->kinds[kind].at[i];
    return NULL;
}

/* The instance of a section that begins at this item; NULL when it may not stand there. */
static struct config_instance *begin_section(struct source *source, size_t item, size_t kind)
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
    return add_instance(loading, kind, section);
}

struct position {
    size_t kind, instance;
    cfg_t *values;
    bool known;
};

static void take_section(struct source *source, size_t item, struct position *ret_position)
{
    const struct prescan_item *at = prescan_item(source->scan, item);
    struct suggestion best;
    size_t n, kind;
    const struct config_section *rows = config_sections(&n);
    struct config_instance *instance;

    if (at->parent != PRESCAN_FILE) {
        config_found(source->loading, (struct config_place){source->name, at->line},
                     REASON_CONFIG_SYNTAX, "section %s inside of a section", at->name);
        return;
    }
    kind = find_section(at->name, &best);
    if (kind == n) {
        found_unknown(source, at->line, "section", at->name, &best);
        return;
    }
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

static void take_option(struct source *source, size_t item, const struct position *position)
{
    const struct prescan_item *at = prescan_item(source->scan, item);
    const struct config_section *row = &config_sections(NULL)[position->kind];
    struct config_place place = {source->name, at->line};
    struct config_instance *instance;
    struct suggestion best;
    size_t option;

    if (!position->known)
        return;
    option = find_option(row, at->name, &best);
    if (option == row->n_options) {
        found_unknown(source, at->line, "option", at->name, &best);
        return;
    }
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
        set_option(source, item, &row->options[option], position->values,
                   config_member(instance->section, &row->options[option]));
}

static void take_items(struct source *source)
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

static void load_text(struct config_loading *loading, const char *name, struct bytes text,
                      const char *hostname)
{
    struct source source = {.loading = loading, .hostname = hostname};
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

/* --- the whole -------------------------------------------------------------------------------- */

struct config_place config_option_place(const struct config_loading *loading, const char *section,
                                        size_t i, const char *option)
{
    size_t n;
    const struct config_section *rows = config_sections(&n);

    for (size_t kind = 0; kind < n; kind++) {
        const struct config_instance *instance;

        if (strcmp(rows[kind].name, section) != 0 || i >= loading->kinds[kind].n)
            continue;
        instance = &loading->kinds[kind].at[i];
        for (size_t k = 0; k < rows[kind].n_options; k++)
            if (strcmp(rows[kind].options[k].name, option) == 0 && instance->options[k].line > 0)
                return instance->options[k];
        if (instance->section->place.line > 0)
            return instance->section->place;
    }
    return (struct config_place){loading->n_files > 0 ? loading->files[0] : "", 0};
}

static struct config_loading begin(void)
{
    struct config_loading loading = {.config = config_new()};
    size_t n;
    const struct config_section *rows = config_sections(&n);

    loading.kinds = xcalloc(n, sizeof(*loading.kinds));
    for (size_t i = 0; i < n; i++)
        if (!rows[i].titled)
            (void)add_instance(&loading, i, config_at(loading.config, &rows[i], 0));
    return loading;
}

/* Titled sections lie apart while they are read; now each kind becomes one array. */
static void gather(struct config_loading *loading)
{
    size_t n;
    const struct config_section *rows = config_sections(&n);

    for (size_t kind = 0; kind < n; kind++) {
        struct config_kind_loading *list = &loading->kinds[kind];

        if (!rows[kind].titled) {
            struct config_any *single = list->at[0].section;

            if (single->place.line == 0 && loading->n_files > 0)
                single->place.file = loading->files[0];
            continue;
        }
        config_set_count(loading->config, &rows[kind], list->n);
        for (size_t i = 0; i < list->n; i++) {
            struct config_any *place = config_at(loading->config, &rows[kind], i);

            memcpy(place, list->at[i].section, rows[kind].size);
            list->at[i].section = place;
        }
    }
}

static void check_needed(struct config_loading *loading)
{
    size_t n;
    const struct config_section *rows = config_sections(&n);

    for (size_t kind = 0; kind < n; kind++)
        for (size_t i = 0; i < loading->kinds[kind].n; i++)
            for (size_t k = 0; k < rows[kind].n_options; k++) {
                const struct config_instance *instance = &loading->kinds[kind].at[i];

                if (rows[kind].options[k].kind == CONFIG_KIND_NEEDED &&
                    instance->options[k].line == 0)
                    config_found(loading, instance->section->place, REASON_CONFIG_MISSING,
                                 "%s %s needs %s", rows[kind].name, instance->section->title,
                                 rows[kind].options[k].name);
            }
}

static bool finish(struct config_loading *loading, const struct config_errors *errors,
                   struct config **ret_config)
{
    size_t n;
    bool good;

    gather(loading);
    check_needed(loading);
    config_check(loading);
    report(loading, errors);
    good = loading->n_findings == 0;
    if (good)
        *ret_config = loading->config;
    else
        config_free(loading->config);
    (void)config_sections(&n);
    for (size_t i = 0; i < n; i++)
        free(loading->kinds[i].at);
    free(loading->kinds);
    free(loading->files);
    free(loading->findings);
    return good;
}

static void host_name(char out[HOST_NAME_MAX + 1])
{
    if (gethostname(out, HOST_NAME_MAX) < 0)
        out[0] = '\0';
    out[HOST_NAME_MAX] = '\0';
}

bool config_parse(const char *name, struct bytes text, const struct config_errors *errors,
                  struct config **ret_config)
{
    struct config_loading loading = begin();
    char host[HOST_NAME_MAX + 1];

    host_name(host);
    load_text(&loading, name, text, host);
    return finish(&loading, errors, ret_config);
}

static void load_descriptor(struct config_loading *loading, const char *name, int fd,
                            const char *host, struct error *err)
{
    AUTO(octets_freep) uint8_t *octets = NULL;
    size_t len = 0;
    bool good = fd >= 0 && file_read_all(fd, FILE_OCTETS_MAX, &octets, &len, err);

    if (fd >= 0)
        (void)close(fd);
    if (good)
        load_text(loading, name, (struct bytes){octets, len}, host);
    else
        config_found(
            loading,
            (struct config_place){config_take_text(loading->config->memory, bytes_of(name)), 0},
            err->reason, "%s", err->detail);
}

/* conf.d beside the file, if there is one. */
static void load_directory(struct config_loading *loading, const char *path, const char *host)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX], name[PATH_MAX + NAME_MAX + 2];
    struct error err;
    char **names;
    int fd;

    (void)snprintf(dir, sizeof(dir), "%.*sconf.d", slash ? (int)(slash - path + 1) : 0, path);
    if (access(dir, F_OK) < 0 && errno == ENOENT)
        return;
    fd = file_open_dir(dir, &err);
    names = fd >= 0 ? file_names_in(fd, ".conf", &err) : NULL;
    if (!names)
        config_found(
            loading,
            (struct config_place){config_take_text(loading->config->memory, bytes_of(dir)), 0},
            err.reason, "%s", err.detail);
    for (size_t i = 0; names && names[i] && i < FILES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
        load_descriptor(loading, name, file_open_in(fd, names[i], FILE_GUARD_TRUSTED, &err), host,
                        &err);
    }
    file_names_free(names);
    if (fd >= 0)
        (void)close(fd);
}

bool config_load(const char *path, const struct config_errors *errors, struct config **ret_config)
{
    struct config_loading loading = begin();
    char host[HOST_NAME_MAX + 1], absolute[PATH_MAX];
    struct error err;

    host_name(host);
    /* A relative path is the caller's own; the checks of file_open need all of its parents. */
    if (path[0] != '/' && realpath(path, absolute))
        path = absolute;
    load_descriptor(&loading, path, file_open(path, FILE_GUARD_TRUSTED, &err), host, &err);
    load_directory(&loading, path, host);
    return finish(&loading, errors, ret_config);
}
