/*
 * The settings of mtls: ~/.config/mtls/config, then /etc/mtls/config for what is left. Runs as the
 * user, whose own file it is; read strictly all the same, because a misspelt option would silently
 * weaken the connection.
 */
#include "cli/files.h"
#include "cli/mtls.h"

#include "common/prescan.h"

#include <confuse.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SETTINGS_FILE_MAX = 64 * 1024 };

DEFINE_AUTO(cfg_t *, cfg_freep, cfg_free)

/* The first error of the file. */
struct first_error {
    struct error err;
    bool any;
};

static void found(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct first_error *first = context;

    if (first->any)
        return;
    first->any = true;
    first->err = *err;
    (void)err_in(&first->err, "%s:%u", file, line);
}

static bool is_setting(const char *name)
{
#define X(setting, value, help)                                                                    \
    if (strcmp(name, #setting) == 0)                                                               \
        return true;
    MTLS_SETTINGS(X)
#undef X
    return false;
}

/* libconfuse prints its own messages; ours name the line before it gets to see the text. */
static bool check_items(const char *file, const struct prescan *scan, struct error *err)
{
    for (size_t i = 1; i <= prescan_n_items(scan); i++) {
        const struct prescan_item *item = prescan_item(scan, i);

        if (item->is_section || item->is_list || item->parent != PRESCAN_FILE ||
            !is_setting(item->name))
            return err_set(err, REASON_CONFIG_SYNTAX, "%s:%u: unknown option %s", file, item->line,
                           item->name);
    }
    return true;
}

static void silent(cfg_t *cfg, const char *fmt, va_list args)
{
    (void)cfg;
    (void)fmt;
    (void)args;
}

/* "~/x" is below the home directory; anything else stands for itself. Never freed: see mtls.h. */
static const char *keep(const char *text)
{
    const char *home = getenv("HOME");
    char path[FILES_PATH_MAX];

    if (text[0] == '~' && text[1] == '/' && home) {
        int len = snprintf(path, sizeof(path), "%s%s", home, text + 1);

        if (len > 0 && (size_t)len < sizeof(path))
            text = path;
    }
    return strdup(text);
}

static bool take(const char **setting, const char *text, struct error *err)
{
    if (*setting || !text)
        return true;
    *setting = keep(text);
    return *setting || err_set(err, REASON_NO_MEMORY, "settings");
}

bool mtls_settings_parse(const char *file, struct bytes text, struct mtls_settings *settings,
                         struct error *err)
{
    cfg_opt_t options[] = {
#define X(setting, value, help) CFG_STR(#setting, NULL, CFGF_NONE),
        MTLS_SETTINGS(X)
#undef X
            CFG_END(),
    };
    struct first_error first = {.any = false};
    const struct prescan_errors errors = {found, &first};
    AUTO(prescan_freep)
    struct prescan *scan = prescan_new(file, text, REASON_CONFIG_SYNTAX, &errors);
    AUTO(cfg_freep) cfg_t *cfg = NULL;
    bool good = true;

    if (!prescan_ok(scan)) {
        *err = first.err;
        return false;
    }
    if (!check_items(file, scan, err))
        return false;
    cfg = cfg_init(options, CFGF_NONE);
    if (!cfg)
        return err_set(err, REASON_NO_MEMORY, "%s", file);
    (void)cfg_set_error_function(cfg, silent);
    if (cfg_parse_buf(cfg, prescan_text(scan)) != CFG_SUCCESS)
        return err_set(err, REASON_CONFIG_SYNTAX, "%s", file);
#define X(setting, value, help)                                                                    \
    good = good && take(&settings->setting, cfg_getstr(cfg, #setting), err);
    MTLS_SETTINGS(X)
#undef X
    return good;
}

static bool load_file(const char *path, struct mtls_settings *settings, struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    size_t len;

    if (access(path, F_OK) != 0)
        return true;
    return files_read(path, SETTINGS_FILE_MAX, &octets, &len, err) &&
           mtls_settings_parse(path, (struct bytes){octets, len}, settings, err);
}

bool mtls_settings_load(struct mtls_settings *settings, struct error *err)
{
    const char *home = getenv("HOME");
    char path[FILES_PATH_MAX];

    if (home && files_path(home, ".config/mtls/config", path, err) &&
        !load_file(path, settings, err))
        return false;
    return load_file("/etc/mtls/config", settings, err);
}
