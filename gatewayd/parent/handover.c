/*
 * What children are handed beside the files of the configuration: sockets, folders, the registry,
 * the locks. Runs in the parent.
 */
#include "gatewayd/parent/handover.h"

#include "common/log.h"
#include "gatewayd/parent/folders.h"
#include "gatewayd/shared/config_value.h"
#include "gatewayd/shared/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct giving {
    const struct parent *parent;
    const struct config *config;
    uint32_t slot;
    const struct grant_sink *sink;
    const struct config_errors *errors;
    bool good;
};

static void found(struct giving *giving, const struct config_place *place, const struct error *err)
{
    giving->good = false;
    giving->errors->found(giving->errors->context, place->file, place->line, err);
}

/* Hands fd over and closes it. */
static void give(struct giving *giving, enum file_kind kind, const char *name, size_t index, int fd)
{
    if (!giving->sink->file(giving->sink->context, kind, name, (uint32_t)index, fd))
        giving->good = false;
    (void)close(fd);
}

/* --- one function per row --------------------------------------------------------------------- */

static void give_listeners(struct giving *giving)
{
    const struct sockets *sockets = &giving->parent->sockets;

    for (size_t i = 0; i < sockets->n_listening; i++)
        if (sockets->listening[i].slot == giving->slot)
            give(giving, FILE_LISTENER, sockets->listening[i].title, sockets->listening[i].index,
                 fcntl(sockets->listening[i].fd, F_DUPFD_CLOEXEC, 0));
}

static void give_spawn_sockets(struct giving *giving)
{
    const struct sockets *sockets = &giving->parent->sockets;

    for (size_t i = 0; i < sockets->n_spawn; i++)
        give(giving, FILE_SPAWN_SOCKET, sockets->spawn[i].title, 0,
             fcntl(sockets->spawn[i].fd, F_DUPFD_CLOEXEC, 0));
}

static void give_dir(struct giving *giving, const struct config_place *place, enum file_kind kind,
                     const char *base, const char *name, int flags)
{
    char path[PATH_MAX];
    struct error err;
    int fd = folders_open(base, name, flags, &err);

    (void)snprintf(path, sizeof(path), "%s%s%s", base, name[0] ? "/" : "", name);
    if (fd < 0)
        found(giving, place, &err);
    else
        give(giving, kind, path, 0, fd);
}

bool handover_upstream_dir(const struct config *config, const char *text, char dir[PATH_MAX])
{
    struct config_upstream upstream;

    if (!config_upstream_parse(text, &upstream, NULL) ||
        (upstream.kind != CONFIG_UPSTREAM_UNIX && upstream.kind != CONFIG_UPSTREAM_SPAWN))
        return false;
    if (upstream.kind == CONFIG_UPSTREAM_SPAWN)
        (void)snprintf(dir, PATH_MAX, "%s/spawn", config->gateway->run_dir);
    else if (strrchr(upstream.rest, '/') == upstream.rest)
        (void)snprintf(dir, PATH_MAX, "/");
    else
        (void)snprintf(dir, PATH_MAX, "%.*s", (int)(strrchr(upstream.rest, '/') - upstream.rest),
                       upstream.rest);
    return true;
}

/* A directory that is not there yet is a service that is down, nothing more. */
static void give_upstream_dir(struct giving *giving, const struct config_service *service,
                              const char *upstream)
{
    char dir[PATH_MAX];
    struct error err;
    int fd;

    if (!handover_upstream_dir(giving->config, upstream, dir))
        return;
    fd = folders_open(dir, "", O_PATH, &err);
    if (fd < 0)
        log_error("upstream_missing", &err, "service=%s", service->title);
    else
        give(giving, FILE_UPSTREAM_DIR, dir, 0, fd);
}

static void give_upstream_dirs(struct giving *giving)
{
    for (size_t i = 0; i < giving->config->n_service; i++)
        for (size_t k = 0; k < giving->config->service[i].upstream.n; k++)
            give_upstream_dir(giving, &giving->config->service[i],
                              giving->config->service[i].upstream.at[k]);
}

/* The files and never NSS, which would ask the directory as well. */
static const struct {
    enum file_kind kind;
    const char *path;
} local_files[] = {
    {FILE_LOCAL_USERS, "/etc/passwd"},
    {FILE_LOCAL_GROUPS, "/etc/group"},
};

const char *handover_local_path(size_t number)
{
    return number < ARRAY_LEN(local_files) ? local_files[number].path : NULL;
}

static void give_local_names(struct giving *giving)
{
    for (size_t i = 0; i < ARRAY_LEN(local_files); i++) {
        const char *path = local_files[i].path;
        struct error err;
        int fd = file_open(path, FILE_GUARD_TRUSTED, &err);

        if (fd < 0)
            found(giving, &giving->config->gateway->place, &err);
        else
            give(giving, local_files[i].kind, path, 0, fd);
    }
}

static void give_registry(struct giving *giving)
{
    give(giving, FILE_REGISTRY, "registry", 0, fcntl(giving->parent->registry, F_DUPFD_CLOEXEC, 0));
}

static void give_locks(struct giving *giving)
{
    char path[PATH_MAX];
    struct error err;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/locks", giving->config->gateway->state_dir);
    fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        (void)err_set(&err, REASON_FILE_WRITE, "%s: %m", path);
        found(giving, &giving->config->gateway->place, &err);
        return;
    }
    give(giving, FILE_LOCKS, "locks", 0, fd);
}

static void give_local_sockets(struct giving *giving)
{
    const struct sockets *sockets = &giving->parent->sockets;

    give(giving, FILE_PAM_SOCKET, "pam.sock", 0, fcntl(sockets->pam, F_DUPFD_CLOEXEC, 0));
    give(giving, FILE_CONTROL_SOCKET, "control.sock", 0,
         fcntl(sockets->control, F_DUPFD_CLOEXEC, 0));
}

static void give_directory_folders(struct giving *giving)
{
    const struct config_gateway *gateway = giving->config->gateway;

    give_dir(giving, &gateway->place, FILE_STATE_DIR, gateway->state_dir, "directory", O_RDONLY);
    give_dir(giving, &gateway->place, FILE_NSS_DIR, gateway->run_dir, "nss", O_RDONLY);
}

static void give_crl_dir(struct giving *giving)
{
    const struct config_gateway *gateway = giving->config->gateway;

    give_dir(giving, &gateway->place, FILE_CRL_DIR, gateway->state_dir, "crl", O_RDONLY);
}

static void give_audit_dir(struct giving *giving)
{
    const struct config_audit *audit = giving->config->audit;

    give_dir(giving, &audit->place, FILE_AUDIT_DIR, audit->directory, "", O_RDONLY);
}

/* Not there before the first load. */
static void give_trust_in_force(struct giving *giving)
{
    char path[PATH_MAX];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/trust", giving->config->gateway->state_dir);
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        give(giving, FILE_TRUST_IN_FORCE, "trust", 0, fd);
}

/* What is handed over beside the files of the configuration. again: with every reload too. */
static const struct grant {
    enum process_role role;
    void (*give)(struct giving *giving);
    bool again;
} grants[] = {
    {PROCESS_LOAD, give_trust_in_force, false},
    {PROCESS_SPAWN, give_spawn_sockets, false},
    {PROCESS_EDGE, give_listeners, false},
    {PROCESS_DECIDE, give_upstream_dirs, true},
    {PROCESS_DECIDE, give_local_names, true},
    {PROCESS_DECIDE, give_registry, false},
    {PROCESS_DECIDE, give_locks, false},
    {PROCESS_DECIDE, give_local_sockets, false},
    {PROCESS_DIRECTORY, give_local_names, true},
    {PROCESS_DIRECTORY, give_directory_folders, false},
    {PROCESS_AUDIT, give_audit_dir, false},
    {PROCESS_FETCH, give_crl_dir, false},
};

bool handover_upstream_dirs(const struct config *config, const struct grant_sink *sink)
{
    struct giving giving = {.config = config, .sink = sink, .good = true};

    give_upstream_dirs(&giving);
    return giving.good;
}

static void say_found(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    (void)file;
    (void)line;
    log_error("file_refused", err, "%s", ""); /* what was known before stays */
}

bool handover_local_names(const struct config *config, const struct grant_sink *sink)
{
    const struct config_errors errors = {.found = say_found};
    struct giving giving = {.config = config, .sink = sink, .errors = &errors, .good = true};

    give_local_names(&giving);
    return giving.good;
}

bool handover_give(const struct child *child, const struct config *config, bool again,
                   const struct grant_sink *sink, const struct config_errors *errors)
{
    struct giving giving = {.parent = child->parent,
                            .config = config,
                            .slot = child->slot,
                            .sink = sink,
                            .errors = errors,
                            .good = grants_give(config, child->role, sink, errors)};

    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        if (grants[i].role == child->role && (!again || grants[i].again))
            grants[i].give(&giving);
    return giving.good;
}
