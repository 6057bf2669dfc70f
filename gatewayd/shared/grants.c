/*
 * Opens the files that a configuration names. Runs in the parent and in gatewayctl; trusts the
 * paths as far as files.c lets it.
 */
#include "gatewayd/shared/grants.h"

#include "gatewayd/shared/fetched.h"
#include "gatewayd/shared/file_read.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/zone_files.h"
#include "policy/policy.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct giving {
    const struct config *config;
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
    static const bool secret[FILE__COUNT] = {[FILE_KEY] = true,
                                             [FILE_UPSTREAM_KEY] = true,
                                             [FILE_LDAP_PASSWORD] = true,
                                             [FILE_LDAP_KEY] = true};
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

/* The files of a directory whose names end in this. */
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

static void give_upstream_certificates(struct giving *giving)
{
    for (size_t i = 0; i < giving->config->n_upstream_tls; i++) {
        const struct config_upstream_tls *tls = &giving->config->upstream_tls[i];

        give_file(giving, &tls->place, FILE_UPSTREAM_CERTIFICATE, tls->certificate, tls->title, i);
    }
}

static void give_upstream_keys(struct giving *giving)
{
    for (size_t i = 0; i < giving->config->n_upstream_tls; i++) {
        const struct config_upstream_tls *tls = &giving->config->upstream_tls[i];

        give_file(giving, &tls->place, FILE_UPSTREAM_KEY, tls->key, tls->title, i);
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

static void give_fetched_file(struct giving *giving, const struct config_ca *ca, size_t index,
                              int dir, const char *name, enum file_kind kind)
{
    char path[PATH_MAX];
    struct error err;
    int fd;

    if (!fetched_is_of(name, ca->title))
        return;
    fd = file_open_in(dir, name, FILE_GUARD_SIGNED, &err);
    if (fd < 0)
        return; /* it has just been replaced: the watch on the directory sees that too */
    (void)snprintf(path, sizeof(path), "%s/crl/%s", giving->config->gateway->state_dir, name);
    give(giving, kind, path, index, fd);
}

/* What fetch has brought for a ca section. Before its first start there is no directory. */
static void give_fetched(struct giving *giving, const struct config_ca *ca, size_t index)
{
    static const struct {
        enum file_kind kind;
        const char *suffix;
    } kinds[] = {{FILE_CRL_ISSUERS, ".pem"}, {FILE_CRL, ".crl"}};
    char path[PATH_MAX];
    int dir;

    if (!fetched_ca_has_lists(ca))
        return;
    (void)snprintf(path, sizeof(path), "%s/crl", giving->config->gateway->state_dir);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (size_t i = 0; dir >= 0 && i < ARRAY_LEN(kinds); i++) {
        char **names = file_names_in(dir, kinds[i].suffix, NULL);

        for (size_t k = 0; names && names[k]; k++)
            give_fetched_file(giving, ca, index, dir, names[k], kinds[i].kind);
        file_names_free(names);
    }
    if (dir >= 0)
        (void)close(dir);
}

static void give_trust(struct giving *giving)
{
    for (size_t i = 0; i < giving->config->n_ca; i++) {
        const struct config_ca *ca = &giving->config->ca[i];

        give_file(giving, &ca->place, FILE_ANCHORS, ca->anchors, ca->title, i);
        give_file(giving, &ca->place, FILE_INTERMEDIATES, ca->intermediates, ca->title, i);
        for (size_t k = 0; k < ca->crls.n; k++)
            if (!fetched_is_word(ca->crls.at[k]))
                give_crl(giving, ca, ca->crls.at[k], i);
        give_fetched(giving, ca, i);
    }
}

/* What there is no zone file of is told by load, with file and line. */
static void give_zone(void *context, const char *name)
{
    int fd = zone_files_open(name, NULL);

    if (fd >= 0)
        give(context, FILE_ZONE, name, 0, fd);
}

static void give_zones_of(struct giving *giving, int dir_fd, const char *name)
{
    struct writer text = writer_new(POLICY_FILE_MAX + 1);
    int fd = file_open_in(dir_fd, name, FILE_GUARD_TRUSTED, NULL);

    if (fd >= 0 && file_read(fd, POLICY_FILE_MAX, &text, NULL))
        zone_files_each(writer_bytes(&text), give_zone, giving);
    if (fd >= 0)
        (void)close(fd);
    writer_clear(&text);
}

/* Those that the policy files name; the same one may be given twice. */
static void give_zones(struct giving *giving, const char *dir)
{
    int dir_fd = file_open_dir(dir, NULL);
    char **names = dir_fd >= 0 ? file_names_in(dir_fd, ".conf", NULL) : NULL;

    for (size_t i = 0; names && names[i]; i++)
        give_zones_of(giving, dir_fd, names[i]);
    file_names_free(names);
    if (dir_fd >= 0)
        (void)close(dir_fd);
}

static void give_policy(struct giving *giving)
{
    const struct config_policy *policy = giving->config->policy;

    give_files_in(giving, &policy->place, FILE_POLICY, policy->directory, ".conf", 0);
    give_zones(giving, policy->directory);
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

static const struct grant {
    enum process_role role;
    void (*give)(struct giving *giving);
} grants[] = {
    {PROCESS_LOAD, give_trust},
    {PROCESS_LOAD, give_policy},
    {PROCESS_EDGE, give_certificates},
    {PROCESS_EDGE, give_upstream_certificates},
    {PROCESS_KEY, give_keys},
    {PROCESS_KEY, give_upstream_keys},
    {PROCESS_DIRECTORY, give_directory_files},
};

bool grants_give(const struct config *config, enum process_role role, const struct grant_sink *sink,
                 const struct config_errors *errors)
{
    struct giving giving = {.config = config, .sink = sink, .errors = errors, .good = true};

    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        if (role == PROCESS__COUNT || grants[i].role == role)
            grants[i].give(&giving);
    return giving.good;
}

bool grants_look(const struct config *config, const struct grant_sink *sink,
                 const struct config_errors *errors)
{
    return grants_give(config, PROCESS__COUNT, sink, errors);
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

bool grants_check(const struct config *config, const struct config_errors *errors)
{
    const struct grant_sink sink = {.file = only_look};

    return grants_look(config, &sink, errors);
}
