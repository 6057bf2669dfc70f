#pragma once
/*
 * The server side of pam.sock and control.sock: accepts, learns who asks from the kernel and the
 * parent, checks the right to the request by the table of protocol_rows.h, and hands it to one
 * handler. Bounded per uid, so that silent connections of one user hurt nobody else.
 */
#include "common/protocol.h"
#include "gatewayd/shared/messages.h"

#include <ev.h>

struct local_server;

enum {
    LOCAL_REQUESTS_MAX = 1024, /* at the same time */
    LOCAL_RESERVE = 256,       /* of them for uid 0 */
    LOCAL_PER_UID_MAX = 64,
    LOCAL_READ_MS = 2000, /* from accept to the request */
    LOCAL_GROUPS_MAX = 256,
};

/* Who asks: SO_PEERCRED and SO_PEERGROUPS, then what the parent reads of the process. */
struct local_peer {
    uint32_t pid, uid, gid;
    bool is_root;    /* uid 0, or the user that started an unprivileged daemon */
    unsigned rights; /* SENDER_READ | SENDER_LOCK | SENDER_ADMIN, by groups */
    uint64_t start_time;
    uint32_t audit_session, login_uid;
};

/* One request. Lives until local_reply or local_drop, or until `abandoned` has been called. */
struct local_request {
    struct local_server *server;
    uint64_t cookie;
    struct local_peer peer;
    struct protocol_message msg; /* borrows from the request's own memory */
    /* Set by a handler that answers later: the deadline passed first. It must not reply then. */
    void (*abandoned)(struct local_request *request);
    void *context;
};

struct local_calls {
    void (*request)(void *context, struct local_request *request);
    /* Asks the parent about a process; the answer comes by local_server_peer. */
    void (*whois)(void *context, uint64_t cookie, uint32_t pid, uint32_t uid);
    void *context;
};

/* Rights by Unix groups, resolved before the sandbox closes. */
struct local_groups {
    uint32_t read, lock, admin; /* gid; UINT32_MAX nobody but root */
};

/* Takes the bound socket and calls listen. own_uid: who started the daemon. */
bool local_server_new(struct ev_loop *loop, int fd, enum protocol_socket socket, uint32_t own_uid,
                      const struct local_calls *calls, struct local_server **ret_server,
                      struct error *err) MUST_CHECK;
struct local_server *local_server_free(struct local_server *server); /* accepts NULL */
void local_server_set_groups(struct local_server *server, const struct local_groups *groups);
/* The parent's answer; false when it is for another server. */
bool local_server_peer(struct local_server *server, const struct message_peer *peer);
/* Sends the reply, which may be lost with the client, and frees the request. */
void local_reply(struct local_request *request, const struct protocol_message *reply);
/* ERROR or DENY with reason and text. */
void local_refuse(struct local_request *request, enum protocol_kind kind, enum reason reason,
                  const char *text);
/* A request that was kept for later, by its cookie; NULL when it was given up. */
struct local_request *local_server_find(const struct local_server *server, uint64_t cookie);
size_t local_server_count(const struct local_server *server);
