#pragma once
/*
 * What all child processes have in common: the channel to the parent on fd 3, being configured,
 * entering the sandbox, channels to other roles, the loop. A role gives its calls and its table of
 * messages (proc.c) and keeps its logic in the other files of its folder.
 *
 * Life: exec'd with --role NAME -> CONFIGURE -> CHANNELs and FILEs -> START -> own user, sandbox ->
 * calls.start -> READY -> the loop. A reload is CONFIGURE, FILEs, START again: calls.reconfigure.
 * With a reload come the files of the configuration again (certificates, keys, credentials, LDIF,
 * upstream directories), but no listener, local socket, registry, locks or folder: those stay.
 * DRAIN{now} ends the process by itself, after the role's handler, when everything has been sent.
 * Signals are the parent's: SIGTERM, SIGINT, SIGHUP and SIGPIPE are ignored in every role.
 */
#include "gatewayd/shared/channel.h"
#include "gatewayd/shared/config.h"

enum { ROLE_PARENT_FD = 3 };

struct role {
    struct ev_loop *loop; /* made with EVFLAG_NOTIMERFD, so that faked clocks work */
    enum process_role id;
    uint32_t slot;
    uint32_t generation;         /* of the configuration in force */
    const struct config *config; /* in force; replaced by a reload, so keep no pointers into it */
    struct channel *parent;
    void *state; /* the role's own struct */
};

struct role_handler {
    enum message_id id;
    void (*handle)(struct role *role, struct channel *from, const union message *msg,
                   int fd); /* owns fd */
};

struct role_calls {
    enum process_role id;
    /* Makes the state; config is in force, no descriptor has come yet, no sandbox. */
    void *(*create)(struct role *role);
    /* One descriptor from the parent; owned by the callee. May come again at any time. */
    bool (*file)(struct role *role, const struct message_file *file, int fd, struct error *err);
    /* Before the sandbox closes, with root's rights if there are any: only what cannot be done
     * later. */
    bool (*prepare)(struct role *role, struct error *err);
    /* All has come and the sandbox is closed: begin to serve. */
    bool (*start)(struct role *role, struct error *err);
    /* role->config is the new one, its files have come: apply it or refuse it whole. before: the
     * old one. */
    bool (*reconfigure)(struct role *role, const struct config *before, struct error *err);
    void (*channel_up)(struct role *role, struct channel *channel);
    void (*channel_down)(struct role *role, struct channel *channel,
                         const struct error *why); /* do not free it */
    const struct role_handler *handlers; /* messages from everybody, the parent's own included */
    size_t n_handlers;
};

/* Runs the role until the parent goes away; the exit status of the process. Unset calls may be
 * NULL. */
int role_main(const struct role_calls *calls);
/* The channel to a process, or NULL while there is none. */
struct channel *role_channel(struct role *role, enum process_role peer, uint32_t slot);
/* Tells the parent and the log that the process cannot go on, and ends it. */
void role_die(struct role *role, const struct error *why) __attribute__((noreturn));

/* The roles: each is defined in the proc.c of its folder, and listed in main.c. */
extern const struct role_calls spawn_role, load_role, edge_role, key_role, decide_role,
    directory_role, fetch_role, audit_role;
