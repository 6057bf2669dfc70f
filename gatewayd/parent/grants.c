/*
 * Opens files for the children. Runs in the parent (and its check in `gatewayd --check` and
 * gatewayctl); trusts the paths of the configuration as far as files.c lets it.
 */
#include "gatewayd/parent/grants.h"

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
    const struct parent *parent; /* NULL: only a check of files */
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

static void give_file(struct giving *giving, const struct config_place *place, enum file_kind kind,
                      const char *path, const char *name, size_t index)
{
    static const bool secret[FILE__COUNT] = {
        [FILE_KEY] = true, [FILE_LDAP_PASSWORD] = true, [FILE_LDAP_KEY] = true};
    struct error err;
    int fd;

    if (!path)
        return;
    fd = file_open(path, secret[kind] ? FILE_GUARD_SECRET : FILE_GUARD_TRUSTED, &err);
    if (fd < 0)
        found(giving, place, &err);
    else
        give(giving, kind, name, index, fd);
}

/* The files of a directory whose names end in one of these. */
static void give_files_in(struct giving *giving, const struct config_place *place,
                          enum file_kind kind, const char *dir, const char *suffix, size_t index)
{
    struct error err;
    int dir_fd = file_open_dir(dir, &err);
    char **names = dir_fd >= 0 ? file_names_in(dir_fd, suffix, &err) : NULL;

    if (!names)
        found(giving, place, &err);
    for (size_t i = 0; names && names[i]; i++) {
        int fd = file_open_in(dir_fd, names[i], FILE_GUARD_TRUSTED, &err);
        char path[PATH_MAX + NAME_MAX + 2];

        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        if (fd < 0) {
            (void)err_in(&err, "%s", dir);
            found(giving, place, &err);
        } else {
            give(giving, kind, kind == FILE_POLICY ? names[i] : path, index, fd);
        }
    }
    file_names_free(names);
    if (dir_fd >= 0)
        (void)close(dir_fd);
}

/* --- one function per row --------------------------------------------------------------------- */

static void give_certificates(struct giving *giving)
{
    for (size_t i = 0; i < giving->config->n_tls; i++) {
        const struct config_tls *tls = &giving->config->tls[i];

        give_file(giving, &tls->place, FILE_CERTIFICATE, tls->certificate, tls->title, i);
    }
}

static void give_keys(struct giving *giving)
{
    for (size_t i = 0; i < giving->config->n_tls; i++) {
        const struct config_tls *tls = &giving->config->tls[i];

        give_file(giving, &tls->place, FILE_KEY, tls->key, tls->title, i);
    }
}

static void give_crl(struct giving *giving, const struct config_ca *ca, const char *path,
                     size_t index)
{
    static const char *const suffixes[] = {".crl", ".pem", ".der"};
    struct stat st;

    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
        give_file(giving, &ca->place, FILE_CRL, path, path, index);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        give_files_in(giving, &ca->place, FILE_CRL, path, suffixes[i], index);
}

static void give_trust(struct giving *giving)
{
    for (size_t i = 0; i < giving->config->n_ca; i++) {
        const struct config_ca *ca = &giving->config->ca[i];

        give_file(giving, &ca->place, FILE_ANCHORS, ca->anchors, ca->title, i);
        give_file(giving, &ca->place, FILE_INTERMEDIATES, ca->intermediates, ca->title, i);
        for (size_t k = 0; k < ca->crls.n; k++)
            give_crl(giving, ca, ca->crls.at[k], i);
    }
}

static void give_policy(struct giving *giving)
{
    const struct config_policy *policy = giving->config->policy;

    give_files_in(giving, &policy->place, FILE_POLICY, policy->directory, ".conf", 0);
}

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

static void give_upstream_dirs(struct giving *giving)
{
    const struct config *config = giving->config;

    for (size_t i = 0; i < config->n_service; i++) {
        const struct config_service *service = &config->service[i];
        struct config_upstream upstream;
        char dir[PATH_MAX];

        if (!config_upstream_parse(service->upstream, &upstream, NULL) ||
            upstream.kind == CONFIG_UPSTREAM_TCP)
            continue;
        if (upstream.kind == CONFIG_UPSTREAM_UNIX)
            (void)snprintf(dir, sizeof(dir), "%.*s",
                           (int)(strrchr(upstream.rest, '/') - upstream.rest), upstream.rest);
        else
            (void)snprintf(dir, sizeof(dir), "%s/spawn", config->gateway->run_dir);
        give_dir(giving, &service->place, FILE_UPSTREAM_DIR, dir[0] ? dir : "/", "", O_PATH);
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

static void give_directory_files(struct giving *giving)
{
    for (size_t i = 0; i < giving->config->n_directory; i++) {
        const struct config_directory *d = &giving->config->directory[i];

        for (size_t k = 0; k < d->uri.n; k++)
            if (strncmp(d->uri.at[k], "file:", 5) == 0)
                give_file(giving, &d->place, FILE_LDIF, d->uri.at[k] + 5, d->title, k);
        give_file(giving, &d->place, FILE_LDAP_PASSWORD, d->password_file, d->title, i);
        give_file(giving, &d->place, FILE_LDAP_CERTIFICATE, d->certificate, d->title, i);
        give_file(giving, &d->place, FILE_LDAP_KEY, d->key, d->title, i);
        give_file(giving, &d->place, FILE_LDAP_CA, d->ca, d->title, i);
    }
}

static void give_directory_folders(struct giving *giving)
{
    const struct config_gateway *gateway = giving->config->gateway;

    give_dir(giving, &gateway->place, FILE_STATE_DIR, gateway->state_dir, "directory", O_RDONLY);
    give_dir(giving, &gateway->place, FILE_NSS_DIR, gateway->run_dir, "nss", O_RDONLY);
}

static void give_audit_dir(struct giving *giving)
{
    const struct config_audit *audit = giving->config->audit;

    give_dir(giving, &audit->place, FILE_AUDIT_DIR, audit->directory, "", O_RDONLY);
}

/* again: handed over with every reload. check: named by the configuration, so a check opens it. */
static const struct grant {
    enum process_role role;
    void (*give)(struct giving *giving);
    bool again, check;
} grants[] = {
    {PROCESS_SPAWN, give_spawn_sockets, false, false},
    {PROCESS_LOAD, give_trust, true, true},
    {PROCESS_LOAD, give_policy, true, true},
    {PROCESS_EDGE, give_certificates, true, true},
    {PROCESS_EDGE, give_listeners, false, false},
    {PROCESS_KEY, give_keys, true, true},
    {PROCESS_DECIDE, give_upstream_dirs, true, false},
    {PROCESS_DECIDE, give_registry, false, false},
    {PROCESS_DECIDE, give_locks, false, false},
    {PROCESS_DECIDE, give_local_sockets, false, false},
    {PROCESS_DIRECTORY, give_directory_files, true, true},
    {PROCESS_DIRECTORY, give_directory_folders, false, false},
    {PROCESS_AUDIT, give_audit_dir, false, false},
};

bool grants_give(const struct parent *parent, const struct config *config,
                 const struct child *child, bool again, const struct grant_sink *sink,
                 const struct config_errors *errors)
{
    struct giving giving = {.parent = parent,
                            .config = config,
                            .slot = child->slot,
                            .sink = sink,
                            .errors = errors,
                            .good = true};

    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        if (grants[i].role == child->role && (!again || grants[i].again))
            grants[i].give(&giving);
    return giving.good;
}

static bool only_look(void *context, enum file_kind kind, const char *name, uint32_t index, int fd)
{
    (void)context;
    (void)kind;
    (void)name;
    (void)index;
    (void)fd;
    return true;
}

bool grants_look(const struct config *config, const struct grant_sink *sink,
                 const struct config_errors *errors)
{
    struct giving giving = {.config = config, .sink = sink, .errors = errors, .good = true};

    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        if (grants[i].check)
            grants[i].give(&giving);
    return giving.good;
}

bool grants_check(const struct config *config, const struct config_errors *errors)
{
    const struct grant_sink sink = {.file = only_look};

    return grants_look(config, &sink, errors);
}
