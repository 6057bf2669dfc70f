/*
 * Listening sockets. Runs in the parent at start, with root's rights.
 */
#include "gatewayd/parent/sockets.h"

#include "common/clock.h"
#include "gatewayd/shared/config_value.h"
#include "gatewayd/shared/service_users.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKLOG = 65535,  /* the kernel cuts it to net.core.somaxconn */
    LET_GO_MS = 2000, /* children of a killed parent end within some milliseconds */
};

/* [::] is IPv4 too whatever the host's default. */
static bool set_options(int fd, int family, bool shared)
{
    int yes = 1, no = 0, share = shared;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &share, sizeof(share)) == 0 &&
           (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) == 0);
}

/* shared: with the other edges, by SO_REUSEPORT. */
static int open_listening(const char *text, bool shared, struct error *err)
{
    struct sockaddr_storage sa;
    struct address address;
    socklen_t len;
    int fd;

    if (!address_parse_port(bytes_of(text), &address, err))
        return -1;
    if (!address_to_sockaddr(&address, &sa, &len))
        abort(); /* a parsed address is a known one */
    fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !set_options(fd, sa.ss_family, shared) ||
        bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, BACKLOG) < 0) {
        int why = errno;

        (void)err_set(err, REASON_SYSTEM, "address %s: %m", text);
        if (fd >= 0)
            (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* The edges of a parent that was killed a moment ago are on their way out: they are waited for. */
static bool check_address_unused(const char *text, struct error *err)
{
    static const struct timespec pause = {.tv_nsec = 20 * 1000000L};
    int64_t deadline_ms = clock_monotonic_ms() + LET_GO_MS;
    int fd;

    while ((fd = open_listening(text, false, err)) < 0) {
        if (errno != EADDRINUSE || clock_monotonic_ms() >= deadline_ms)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    (void)close(fd);
    return true;
}

/*
 * Nobody else listens there: SO_REUSEPORT would let another gateway of the same user in without a
 * word, and each would get some of the clients.
 */
static bool check_unused(const struct config *config, struct error *err)
{
    for (size_t i = 0; i < config->n_listener; i++)
        for (size_t k = 0; k < config->listener[i].address.n; k++)
            if (!check_address_unused(config->listener[i].address.at[k], err))
                return err_in(err, "listener %s", config->listener[i].title);
    return true;
}

static bool open_listeners(struct sockets *sockets, const struct config *config, uint32_t n_edges,
                           struct error *err)
{
    for (size_t i = 0; i < config->n_listener; i++)
        for (size_t k = 0; k < config->listener[i].address.n; k++)
            for (uint32_t slot = 0; slot < n_edges; slot++) {
                int fd = open_listening(config->listener[i].address.at[k], true, err);

                if (fd < 0)
                    return err_in(err, "listener %s", config->listener[i].title);
                sockets->listening = xrealloc(sockets->listening, sockets->n_listening + 1,
                                              sizeof(*sockets->listening));
                sockets->listening[sockets->n_listening++] =
                    (struct listening_socket){.title = xstrdup(config->listener[i].title),
                                              .index = (uint32_t)k,
                                              .address = xstrdup(config->listener[i].address.at[k]),
                                              .slot = slot,
                                              .fd = fd};
            }
    return true;
}

/* Binds a name, in a directory that only root can write to, and gives it away. */
static int bind_local(const char *path, int type, uid_t uid, gid_t gid, mode_t mode,
                      struct error *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof(sa.sun_path)) {
        (void)err_set(err, REASON_SYSTEM, "socket %s: %m", path);
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    (void)unlink(path);
    /* The mode is narrow until the owner is right. */
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
        (geteuid() == 0 && lchown(path, uid, gid) < 0) || chmod(path, mode) < 0) {
        (void)err_set(err, REASON_SYSTEM, "socket %s: %m", path);
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool open_local(struct sockets *sockets, const struct config *config, struct error *err)
{
    char path[PATH_MAX];
    uid_t uid;
    gid_t gid;

    if (!service_user(config, PROCESS_DECIDE, &uid, &gid, err))
        return false;
    (void)snprintf(path, sizeof(path), "%s/pam.sock", config->gateway->run_dir);
    sockets->pam = bind_local(path, SOCK_SEQPACKET, uid, gid, 0666, err);
    (void)snprintf(path, sizeof(path), "%s/control.sock", config->gateway->run_dir);
    sockets->control =
        sockets->pam < 0 ? -1 : bind_local(path, SOCK_SEQPACKET, uid, gid, 0666, err);
    return sockets->control >= 0;
}

static bool has_spawn(const struct sockets *sockets, const char *title)
{
    for (size_t i = 0; i < sockets->n_spawn; i++)
        if (strcmp(sockets->spawn[i].title, title) == 0)
            return true;
    return false;
}

static bool open_one_spawn(struct sockets *sockets, const char *title, const struct config *config,
                           gid_t gid, struct error *err)
{
    char path[PATH_MAX];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/spawn/%s", config->gateway->run_dir, title);
    fd = bind_local(path, SOCK_STREAM, 0, gid, 0660, err);
    if (fd < 0 || listen(fd, BACKLOG) < 0) {
        if (fd >= 0)
            (void)close(fd);
        return fd < 0 ? false : err_set(err, REASON_SYSTEM, "socket %s: %m", path);
    }
    sockets->spawn = xrealloc(sockets->spawn, sockets->n_spawn + 1, sizeof(*sockets->spawn));
    sockets->spawn[sockets->n_spawn++] = (struct spawn_socket){.title = xstrdup(title), .fd = fd};
    return true;
}

/* Root owns them and decide's group may connect; the folder lets nobody else in. */
static bool open_spawn(struct sockets *sockets, const struct config *config, struct error *err)
{
    uid_t uid;
    gid_t gid;

    if (!service_user(config, PROCESS_DECIDE, &uid, &gid, err))
        return false;
    for (size_t i = 0; i < config->n_spawn; i++)
        if (!has_spawn(sockets, config->spawn[i].title) &&
            !open_one_spawn(sockets, config->spawn[i].title, config, gid, err))
            return false;
    return true;
}

bool sockets_open(struct sockets *sockets, const struct config *config, uint32_t n_edges,
                  struct error *err)
{
    *sockets = (struct sockets){.pam = -1, .control = -1};
    return check_unused(config, err) && open_listeners(sockets, config, n_edges, err) &&
           open_local(sockets, config, err) && open_spawn(sockets, config, err);
}

/* --- after a take-over ------------------------------------------------------------------------ */

static void drop_spawn(struct sockets *sockets, size_t number)
{
    (void)close(sockets->spawn[number].fd);
    free(sockets->spawn[number].title);
    sockets->spawn[number] = sockets->spawn[--sockets->n_spawn];
}

bool sockets_adopt(struct sockets *sockets, const struct config *config, struct error *err)
{
    for (size_t i = sockets->n_spawn; i-- > 0;) {
        bool named = false;

        for (size_t k = 0; k < config->n_spawn; k++)
            named = named || strcmp(config->spawn[k].title, sockets->spawn[i].title) == 0;
        if (!named)
            drop_spawn(sockets, i);
    }
    return open_spawn(sockets, config, err);
}

/* The n-th socket of an address among those that nobody has been given yet. */
static struct listening_socket *next_of(struct sockets *sockets, const char *address)
{
    for (size_t i = 0; i < sockets->n_listening; i++)
        if (!sockets->listening[i].title && strcmp(sockets->listening[i].address, address) == 0)
            return &sockets->listening[i];
    return NULL;
}

static bool has_address(const struct sockets *sockets, const char *address)
{
    for (size_t i = 0; i < sockets->n_listening; i++)
        if (strcmp(sockets->listening[i].address, address) == 0)
            return true;
    return false;
}

static struct listening_socket *open_next(struct sockets *sockets, const char *address,
                                          struct error *err)
{
    int fd;

    if (!has_address(sockets, address) && !check_address_unused(address, err))
        return NULL;
    fd = open_listening(address, true, err);
    if (fd < 0)
        return NULL;
    sockets->listening =
        xrealloc(sockets->listening, sockets->n_listening + 1, sizeof(*sockets->listening));
    sockets->listening[sockets->n_listening] =
        (struct listening_socket){.address = xstrdup(address), .fd = fd};
    return &sockets->listening[sockets->n_listening++];
}

static bool assign_address(struct sockets *sockets, const struct config_listener *listener,
                           size_t number, const uint32_t *slots, uint32_t n_slots,
                           struct error *err)
{
    const char *address = listener->address.at[number];

    for (uint32_t i = 0; i < n_slots; i++) {
        struct listening_socket *socket = next_of(sockets, address);

        if (!socket)
            socket = open_next(sockets, address, err);
        if (!socket)
            return err_in(err, "listener %s", listener->title);
        socket->title = xstrdup(listener->title);
        socket->index = (uint32_t)number;
        socket->slot = slots[i];
    }
    return true;
}

/* Addresses that the configuration no longer has: old edges still accept until they retire. */
static void close_unassigned(struct sockets *sockets)
{
    size_t n = 0;

    for (size_t i = 0; i < sockets->n_listening; i++) {
        if (sockets->listening[i].title) {
            sockets->listening[n++] = sockets->listening[i];
            continue;
        }
        (void)close(sockets->listening[i].fd);
        free(sockets->listening[i].address);
    }
    sockets->n_listening = n;
}

bool sockets_assign(struct sockets *sockets, const struct config *config, const uint32_t *slots,
                    uint32_t n_slots, struct error *err)
{
    for (size_t i = 0; i < sockets->n_listening; i++) {
        free((void *)sockets->listening[i].title);
        sockets->listening[i].title = NULL;
        sockets->listening[i].old_slot = sockets->listening[i].slot;
    }
    for (size_t i = 0; i < config->n_listener; i++)
        for (size_t k = 0; k < config->listener[i].address.n; k++)
            if (!assign_address(sockets, &config->listener[i], k, slots, n_slots, err))
                return false;
    close_unassigned(sockets);
    return true;
}

void sockets_assign_back(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->n_listening; i++)
        sockets->listening[i].slot = sockets->listening[i].old_slot;
}

/* --- the end ---------------------------------------------------------------------------------- */

void sockets_stop_listening(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->n_listening; i++) {
        /* To close our copy is not enough; this ends the listening in all of them. */
        (void)shutdown(sockets->listening[i].fd, SHUT_RDWR);
        (void)close(sockets->listening[i].fd);
        free((void *)sockets->listening[i].title);
        free(sockets->listening[i].address);
    }
    sockets->n_listening = 0;
}

void sockets_unlink(const struct config *config)
{
    static const char *const names[] = {"pam.sock", "control.sock", "gatewayd.pid"};
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", config->gateway->run_dir, names[i]);
        (void)unlink(path);
    }
    for (size_t i = 0; i < config->n_spawn; i++) {
        (void)snprintf(path, sizeof(path), "%s/spawn/%s", config->gateway->run_dir,
                       config->spawn[i].title);
        (void)unlink(path);
    }
}
