/*
 * The check of files, users, groups, folders and limits. Runs in the parent before it starts and in
 * gatewayctl, so that both say the same.
 */
#include "gatewayd/shared/start_check.h"

#include "gatewayd/shared/grants.h"
#include "gatewayd/shared/limits.h"
#include "gatewayd/shared/service_users.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

struct checking {
    const struct config_errors *errors;
    bool good;
};

static void found(struct checking *checking, const struct config_place *place,
                  const struct error *err)
{
    checking->good = false;
    checking->errors->found(checking->errors->context, place->file, place->line, err);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void check_group(struct checking *checking, const struct config_place *place,
                        const char *option, const char *name)
{
    struct error err;

    if (getgrnam(name))
        return;
    (void)err_set(&err, REASON_CONFIG_REFERENCE, "%s: there is no group %s", option, name);
    found(checking, place, &err);
}

static void check_groups(struct checking *checking, const struct config *config)
{
    const struct config_audit *audit = config->audit;
    const struct config_control *control = config->control;

    check_group(checking, &audit->place, "audit reader_group", audit->reader_group);
    check_group(checking, &control->place, "control read", control->read);
    check_group(checking, &control->place, "control lock", control->lock);
    check_group(checking, &control->place, "control admin", control->admin);
}

/* --- folders ---------------------------------------------------------------------------------- */

/* "/var/log" of "/var/log/gatewayd/". */
static void folder_above(const char *path, char above[PATH_MAX])
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 1 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    (void)snprintf(above, PATH_MAX, "%.*s", (int)len, path);
}

static bool is_folder(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode);
}

/* The daemon makes the folder, but nothing above it. */
static void check_folder(struct checking *checking, const struct config_place *place,
                         const char *option, const char *path)
{
    char above[PATH_MAX];
    struct error err;

    if (is_folder(path))
        return;
    folder_above(path, above);
    if (errno != ENOENT)
        (void)err_set(&err, REASON_FILE_WRITE, "%s: %s: %m", option, path);
    else if (!is_folder(above))
        (void)err_set(&err, REASON_FILE_WRITE, "%s: %s: %m", option, above);
    else
        return;
    found(checking, place, &err);
}

static void check_folders(struct checking *checking, const struct config *config)
{
    const struct config_gateway *gateway = config->gateway;
    const struct config_audit *audit = config->audit;

    check_folder(checking, &gateway->place, "run_dir", gateway->run_dir);
    check_folder(checking, &gateway->place, "state_dir", gateway->state_dir);
    check_folder(checking, &audit->place, "audit directory", audit->directory);
}

bool start_check_machine(const struct config *config, const struct config_errors *errors)
{
    struct checking checking = {.errors = errors, .good = true};
    const struct config_place *place =
        config->n_listener > 0 ? &config->listener[0].place : &config->gateway->place;
    struct error err;

    if (!service_users_check(config, &err))
        found(&checking, &config->gateway->place, &err);
    if (!limits_check(config, &err))
        found(&checking, place, &err);
    check_groups(&checking, config);
    check_folders(&checking, config);
    return checking.good;
}

bool start_check(const struct config *config, const struct config_errors *errors)
{
    bool good = grants_check(config, errors);

    return start_check_machine(config, errors) && good;
}
