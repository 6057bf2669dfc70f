#pragma once
/*
 * Connections to services: address:port, unix:PATH and spawn:ROW. Non-blocking; the deadline is the
 * pipeline's. Of AF_UNIX sockets the client end is bound to the abstract name of the session, by
 * which pam_mtls finds it. Knows no sessions and no policy.
 */
#include "common/error.h"
#include "common/session_id.h"

#include <ev.h>

struct upstreams; /* the directories that the parent opened for unix and spawn upstreams */

struct upstreams *upstreams_new(void);
struct upstreams *upstreams_free(struct upstreams *upstreams); /* accepts NULL, returns NULL */
/* O_PATH descriptor of a directory by its path; takes fd, replaces an older one. */
void upstreams_add(struct upstreams *upstreams, struct bytes path, int fd);
/* Where the process returns to after it has looked into another directory; takes fd. */
void upstreams_set_home(struct upstreams *upstreams, int fd);

/* One attempt. Zeroed memory is an attempt that is not under way. */
struct upstream_connect {
    struct ev_loop *loop;
    int fd; /* 0: none */
    ev_io io;
    ev_timer again; /* a listener with a full backlog is asked again */
    const struct upstreams *upstreams;
    char *where;
    char *run_dir;
    bool named; /* after a session; a check belongs to none */
    struct session_id session;
    /* Told once, from the loop: the connected socket, which the callee owns; or -1 and why. */
    void (*done)(void *context, int fd, const struct error *why);
    void *context;
};

/*
 * Begins to connect. where: the upstream option; run_dir: below it lie the sockets of spawn;
 * session: NULL for a check. The errors do not repeat where. done is never called from inside.
 * False when it is clear at once that there is no connection.
 */
bool upstream_begin(struct upstream_connect *attempt, const char *where, const char *run_dir,
                    const struct session_id *session, struct error *err) MUST_CHECK;
/* Stops an attempt and closes its socket; harmless when there is none. */
void upstream_cancel(struct upstream_connect *attempt);
