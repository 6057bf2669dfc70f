/*
 * The tables of sessions. Runs in decide.
 */
#include "gatewayd/decide/sessions.h"

#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <utlist.h>

struct user_row {
    char name[REGISTRY_USER_MAX + 1];
    struct session *first;
    UT_hash_handle hh;
};

/* The key of a connection lies in one piece in struct session: slot and number are copied here. */
struct connection_key {
    uint64_t connection;
    uint64_t edge_slot;
};

struct connection_row {
    struct connection_key key;
    struct session *session;
    UT_hash_handle hh;
};

struct sessions {
    struct session *all; /* list */
    struct session *by_id;
    struct connection_row *by_connection;
    struct user_row *by_user;
    size_t n;
};

struct sessions *sessions_new(void)
{
    return xcalloc(1, sizeof(struct sessions));
}

struct sessions *sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return NULL;
    while (sessions->all)
        session_free(sessions->all);
    free(sessions);
    return NULL;
}

static struct connection_row *find_connection(const struct sessions *sessions, uint32_t edge_slot,
                                              uint64_t connection)
{
    struct connection_key key = {connection, edge_slot};
    struct connection_row *row;

    HASH_FIND(hh, sessions->by_connection, &key, sizeof(key), row);
    return row;
}

void sessions_add(struct sessions *sessions, struct session *session)
{
    struct connection_row *row = xcalloc(1, sizeof(*row));

    row->key = (struct connection_key){session->open.connection, session->edge_slot};
    row->session = session;
    HASH_ADD(hh, sessions->by_connection, key, sizeof(row->key), row);
    HASH_ADD(hh_id, sessions->by_id, id, sizeof(session->id), session);
    DL_APPEND(sessions->all, session);
    sessions->n++;
}

static void leave_user(struct sessions *sessions, struct session *session)
{
    struct user_row *row;

    HASH_FIND_STR(sessions->by_user, session->user, row);
    if (session->user[0] == '\0' || !row)
        return;
    DL_DELETE2(row->first, session, user_prev, user_next);
    if (row->first)
        return;
    HASH_DEL(sessions->by_user, row);
    free(row);
}

void sessions_remove(struct sessions *sessions, struct session *session)
{
    struct connection_row *row =
        find_connection(sessions, session->edge_slot, session->open.connection);

    if (!session->prev) /* in a utlist every element but a lone stranger has a prev */
        return;
    if (row && row->session == session) {
        HASH_DEL(sessions->by_connection, row);
        free(row);
    }
    leave_user(sessions, session);
    HASH_DELETE(hh_id, sessions->by_id, session);
    DL_DELETE(sessions->all, session);
    session->prev = NULL;
    sessions->n--;
}

void sessions_set_user(struct sessions *sessions, struct session *session, const char *user)
{
    struct user_row *row;

    if (strcmp(session->user, user) == 0)
        return;
    leave_user(sessions, session);
    (void)snprintf(session->user, sizeof(session->user), "%s", user);
    if (session->user[0] == '\0')
        return;
    HASH_FIND_STR(sessions->by_user, session->user, row);
    if (!row) {
        row = xcalloc(1, sizeof(*row));
        (void)snprintf(row->name, sizeof(row->name), "%s", session->user);
        HASH_ADD_STR(sessions->by_user, name, row);
    }
    DL_APPEND2(row->first, session, user_prev, user_next);
}

struct session *sessions_find(const struct sessions *sessions, const struct session_id *id)
{
    struct session *session;

    HASH_FIND(hh_id, sessions->by_id, id, sizeof(*id), session);
    return session;
}

struct session *sessions_find_connection(const struct sessions *sessions, uint32_t edge_slot,
                                         uint64_t connection)
{
    struct connection_row *row = find_connection(sessions, edge_slot, connection);

    return row ? row->session : NULL;
}

size_t sessions_count(const struct sessions *sessions)
{
    return sessions->n;
}

size_t sessions_count_live(const struct sessions *sessions)
{
    const struct session *session;
    size_t n = 0;

    DL_FOREACH(sessions->all, session)
    n += session->state == SESSION_LIVE;
    return n;
}

void sessions_each(struct sessions *sessions, void (*each)(void *context, struct session *session),
                   void *context)
{
    struct session *session, *next;

    DL_FOREACH_SAFE(sessions->all, session, next)
    each(context, session);
}

void sessions_each_of_user(struct sessions *sessions, const char *user,
                           void (*each)(void *context, struct session *session), void *context)
{
    struct user_row *row;
    struct session *session, *next;

    HASH_FIND_STR(sessions->by_user, user, row);
    if (!row)
        return;
    /* The row goes with its last session: nothing of it is touched behind that. */
    for (session = row->first; session; session = next) {
        next = session->user_next;
        each(context, session);
    }
}
