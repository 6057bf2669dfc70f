/*
 * Folders of the daemon. Runs in the parent, before any child; what lies in them later is made by
 * the children that own them.
 */
#include "gatewayd/parent/folders.h"

#include "common/log.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/service_users.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum base { BASE_RUN, BASE_STATE };

/* owner, group: PROCESS__COUNT is root. */
static const struct folder {
    enum base base;
    const char *name;
    enum process_role owner, group;
    mode_t mode;
} folders[] = {
    {BASE_RUN, "", PROCESS__COUNT, PROCESS__COUNT, 0755},
    {BASE_RUN, "empty", PROCESS__COUNT, PROCESS__COUNT, 0755},    /* root of the sandboxes */
    {BASE_RUN, "resolver", PROCESS__COUNT, PROCESS__COUNT, 0755}, /* of directory and fetch */
    {BASE_RUN, "resolver/etc", PROCESS__COUNT, PROCESS__COUNT, 0755},
    {BASE_RUN, "spawn", PROCESS__COUNT, PROCESS_DECIDE, 0710}, /* sockets that decide connects to */
    {BASE_RUN, "nss", PROCESS_DIRECTORY, PROCESS_DIRECTORY, 0755},
    {BASE_STATE, "", PROCESS__COUNT, PROCESS__COUNT, 0755},
    {BASE_STATE, "directory", PROCESS_DIRECTORY, PROCESS_DIRECTORY, 0700},
    {BASE_STATE, "crl", PROCESS_FETCH, PROCESS_FETCH, 0755}, /* lists are public */
};

static const char *base_of(const struct config *config, enum base base)
{
    return base == BASE_RUN ? config->gateway->run_dir : config->gateway->state_dir;
}

static bool make_one(const struct config *config, const struct folder *folder, struct error *err)
{
    char path[PATH_MAX];
    struct stat st;
    uid_t uid = 0;
    gid_t gid = 0, none;
    int fd;
    bool good;

    (void)snprintf(path, sizeof(path), "%s/%s", base_of(config, folder->base), folder->name);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set(err, REASON_FILE_WRITE, "%s: %m", path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        (void)err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    good = true;
    if (geteuid() == 0) {
        good = (folder->owner == PROCESS__COUNT ||
                service_user(config, folder->owner, &uid, &none, err)) &&
               (folder->group == PROCESS__COUNT ||
                service_user(config, folder->group, &(uid_t){0}, &gid, err));
        if (good && fchown(fd, uid, gid) < 0)
            good = err_set(err, REASON_FILE_WRITE, "%s: %m", path);
    }
    if (good && (st.st_mode & 07777) != folder->mode && fchmod(fd, folder->mode) < 0)
        good = err_set(err, REASON_FILE_WRITE, "%s: %m", path);
    (void)close(fd);
    return good;
}

bool folders_make(const struct config *config, struct error *err)
{
    const char *audit = config->audit->directory;

    /* audit itself sets the owner and the group of readers. */
    if (mkdir(audit, 0750) < 0 && errno != EEXIST)
        return err_set(err, REASON_FILE_WRITE, "%s: %m", audit);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (!make_one(config, &folders[i], err))
            return false;
    return true;
}

int folders_open(const char *base, const char *name, int flags, struct error *err)
{
    char path[PATH_MAX];
    int fd;

    (void)snprintf(path, sizeof(path), "%s%s%s", base, name[0] ? "/" : "", name);
    fd = open(path, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        (void)err_set(err, REASON_FILE_UNREADABLE, "%s: %m", path);
    return fd;
}

/* --- the resolver's root ---------------------------------------------------------------------- */

enum { RESOLVER_FILE_MAX = 1 << 20 };

static bool copy_octets(int to, const char *from)
{
    AUTO(octets_freep) uint8_t *octets = NULL;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    bool good = fd >= 0 && file_read_all(fd, RESOLVER_FILE_MAX, &octets, &len, NULL) &&
                write(to, octets, len) == (ssize_t)len;

    if (fd >= 0)
        (void)close(fd);
    return good;
}

void folders_fill_resolver(const struct config *config)
{
    static const char *const names[] = {"resolv.conf", "hosts",         "host.conf",
                                        "gai.conf",    "nsswitch.conf", "services"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char from[64], path[PATH_MAX], aside[PATH_MAX];
        int fd;

        (void)snprintf(from, sizeof(from), "/etc/%s", names[i]);
        (void)snprintf(path, sizeof(path), "%s/resolver/etc/%s", config->gateway->run_dir,
                       names[i]);
        (void)snprintf(aside, sizeof(aside), "%s/resolver/etc/.new", config->gateway->run_dir);
        fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
            continue;
        /* A host without the file has none in the copy either. */
        if (!copy_octets(fd, from) || rename(aside, path) < 0)
            (void)unlink(aside);
        (void)close(fd);
    }
}
