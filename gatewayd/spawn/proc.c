/*
 * The process that starts the programs of spawn: upstreams: set-up only, it handles no message. It
 * is root and stands outside of every sandbox, and so reads nothing but its configuration.
 */
#include "gatewayd/spawn/serve.h"

#include <unistd.h>

static void *create(struct role *role)
{
    return serve_new(role);
}

static bool take_file(struct role *role, const struct message_file *file, int fd, struct error *err)
{
    if (file->kind == FILE_SPAWN_SOCKET)
        return serve_add(role->state, file->name, fd, err);
    (void)close(fd);
    return err_set(err, REASON_MSG_MALFORMED, "FILE without use");
}

static bool start(struct role *role, struct error *err)
{
    return serve_start(role->state, err);
}

const struct role_calls spawn_role = {
    .id = PROCESS_SPAWN,
    .create = create,
    .file = take_file,
    .start = start,
};
