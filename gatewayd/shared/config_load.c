/*
 * gatewayd.conf and conf.d as a whole: files in order, errors in order, one array per kind of
 * section at the end. Runs in the parent and in the tools, never in a child. All errors are
 * collected; nothing of a configuration with an error is used.
 */
#include "gatewayd/shared/config_load.h"

#include "gatewayd/shared/config_source.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum {
    FILE_OCTETS_MAX = 4 << 20, /* of one file */
    FILES_MAX = 1000,
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

struct config_instance *config_add_instance(struct config_loading *loading, size_t kind,
                                            struct config_any *section)
{
    struct config_kind_loading *list = &loading->kinds[kind];

    list->at = xrealloc(list->at, list->n + 1, sizeof(*list->at));
    list->at[list->n] = (struct config_instance){.section = section};
    return &list->at[list->n++];
}

static struct config_loading begin(void)
{
    struct config_loading loading = {.config = config_new()};
    size_t n;
    const struct config_section *rows = config_sections(&n);

    loading.kinds = xcalloc(n, sizeof(*loading.kinds));
    for (size_t i = 0; i < n; i++)
        if (!rows[i].titled)
            (void)config_add_instance(&loading, i, config_at(loading.config, &rows[i], 0));
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
    config_read_text(&loading, name, text, host);
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
        config_read_text(loading, name, (struct bytes){octets, len}, host);
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
