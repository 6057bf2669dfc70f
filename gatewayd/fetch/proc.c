/*
 * The process that asks web servers: set-up and its message table. It holds no secret and no
 * connection of a client; what it brings is signed by others, and looked at again by load. Start
 * with sources.c.
 */
#include "gatewayd/fetch/fetching.h"

#include "common/log.h"
#include "gatewayd/shared/xalloc.h"
#include "ldap/directory.h"

#include <openssl/crypto.h>
#include <unistd.h>

static void *create(struct role *role)
{
    struct fetching *fetching = xcalloc(1, sizeof(*fetching));

    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    fetching->role = role;
    fetching->dir = -1;
    fetching->names = names_new();
    fetching->asks = asks_new(fetching);
    fetching->told = writer_new(MESSAGE_MAX);
    return fetching;
}

static bool take_file(struct role *role, const struct message_file *file, int fd, struct error *err)
{
    struct fetching *fetching = role->state;

    if (file->kind != FILE_CRL_DIR || fetching->dir >= 0) {
        (void)close(fd);
        return err_set(err, REASON_MSG_MALFORMED, "FILE without use");
    }
    fetching->dir = fd;
    return true;
}

static bool prepare(struct role *role, struct error *err)
{
    (void)role;
    (void)err;
    names_prepare();
    directory_prepare();
    return true;
}

static void on_second(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    sources_tick(timer->data);
    report_tick(timer->data);
}

static bool start(struct role *role, struct error *err)
{
    struct fetching *fetching = role->state;

    if (fetching->dir < 0)
        return err_set(err, REASON_MSG_MALFORMED, "no folder for lists");
    sources_set_up(fetching);
    ev_timer_init(&fetching->second, on_second, 0.1, 1.0);
    fetching->second.data = fetching;
    ev_timer_start(role->loop, &fetching->second);
    return true;
}

static bool reconfigure(struct role *role, const struct config *before, struct error *err)
{
    struct fetching *fetching = role->state;

    (void)before;
    (void)err;
    asks_forget(fetching->asks);
    sources_set_up(fetching);
    distribution_of_trust(fetching);
    return true;
}

static void on_trust(struct role *role, struct channel *from, const union message *msg, int fd)
{
    struct fetching *fetching = role->state;
    struct authorities *authorities;
    struct error err;

    (void)from;
    if (!authorities_map(fd, &authorities, &err)) {
        log_error("trust_refused", &err, "generation=%u", msg->trust.generation);
    } else {
        authorities_free(fetching->authorities);
        fetching->authorities = authorities;
        distribution_of_trust(fetching);
        sources_tick(fetching);
    }
    if (fd >= 0)
        (void)close(fd);
}

static void on_wanted(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    if (fd >= 0)
        (void)close(fd);
    distribution_wanted(role->state, &msg->wanted);
}

static void on_status_ask(struct role *role, struct channel *from, const union message *msg, int fd)
{
    struct fetching *fetching = role->state;

    if (fd >= 0)
        (void)close(fd);
    asks_ask(fetching->asks, channel_peer_slot(from), &msg->status_ask);
}

static const struct role_handler handlers[] = {
    {MESSAGE_TRUST, on_trust},
    {MESSAGE_WANTED, on_wanted},
    {MESSAGE_STATUS_ASK, on_status_ask},
};

const struct role_calls fetch_role = {
    .id = PROCESS_FETCH,
    .create = create,
    .file = take_file,
    .prepare = prepare,
    .start = start,
    .reconfigure = reconfigure,
    .handlers = handlers,
    .n_handlers = ARRAY_LEN(handlers),
};
