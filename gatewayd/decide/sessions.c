/*
 * The tables of sessions. Runs in decide.
 */
#include "gatewayd/decide/sessions.h"

#include "common/table.h"
#include "gatewayd/shared/xalloc.h"

#include <utlist.h>

/* Sessions of one user; the first row, of no user, is always there. */
struct user_row {
    struct table_link link;
    struct user_row *prev, *next;
    struct session *first;
    char name[]; /* REGISTRY_USER_MAX at most */
};

struct connection_key {
    uint64_t connection;
    uint64_t edge_slot;
};

struct sessions {
    struct session *all; /* list */
    struct table by_id, by_connection, by_user;
    struct user_row *users; /* list */
    size_t n, n_live;

    /* The walk stands before this session; else at the end of a user's list, before the next row.
     */
    struct session *walk_at;
    struct user_row *walk_row; /* NULL: no walk, or it is over */
};

/* --- users ------------------------------------------------------------------------------------ */

static bool is_user(const struct table_link *link, const void *key)
{
    return strcmp(TABLE_OF(link, struct user_row, link)->name, key) == 0;
}

static struct user_row *find_user(const struct sessions *sessions, const char *name)
{
    struct table_link *link =
        table_find(&sessions->by_user, table_hash(bytes_of(name)), is_user, name);

    return link ? TABLE_OF(link, struct user_row, link) : NULL;
}

static struct user_row *user_new(struct sessions *sessions, const char *name)
{
    struct bytes octets = bytes_of(name);
    struct user_row *row = xcalloc(1, sizeof(*row) + octets.len + 1);

    memcpy(row->name, octets.at, octets.len);
    table_add(&sessions->by_user, &row->link, table_hash(octets));
    DL_APPEND(sessions->users, row);
    return row;
}

static void drop_user(struct sessions *sessions, struct user_row *row)
{
    if (sessions->walk_row == row) {
        sessions->walk_row = row->next;
        sessions->walk_at = row->next ? row->next->first : NULL;
    }
    table_remove(&sessions->by_user, &row->link);
    DL_DELETE(sessions->users, row);
    free(row);
}

static void leave_user(struct sessions *sessions, struct session *session)
{
    struct user_row *row = session->row;

    if (sessions->walk_at == session)
        sessions->walk_at = session->user_next;
    DL_DELETE2(row->first, session, user_prev, user_next);
    session->row = NULL;
    if (!row->first && row->name[0] != '\0')
        drop_user(sessions, row);
}

static void enter_user(struct sessions *sessions, struct session *session)
{
    struct user_row *row = find_user(sessions, session->user);

    session->row = row ? row : user_new(sessions, session->user);
    DL_APPEND2(session->row->first, session, user_prev, user_next);
}

void sessions_set_user(struct sessions *sessions, struct session *session, const char *user)
{
    if (strcmp(session->user, user) == 0)
        return;
    if (session->row)
        leave_user(sessions, session);
    session_set_text(session, &session->user, user);
    enter_user(sessions, session);
}

struct session *sessions_first_of_user(const struct sessions *sessions, const char *user)
{
    struct user_row *row = find_user(sessions, user);

    return row ? row->first : NULL;
}

/* --- all -------------------------------------------------------------------------------------- */

struct sessions *sessions_new(void)
{
    struct sessions *sessions = xcalloc(1, sizeof(*sessions));

    (void)user_new(sessions, "");
    return sessions;
}

struct sessions *sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return NULL;
    while (sessions->all)
        session_free(sessions->all);
    drop_user(sessions, sessions->users);
    table_clear(&sessions->by_id);
    table_clear(&sessions->by_connection);
    table_clear(&sessions->by_user);
    free(sessions);
    return NULL;
}

static uint64_t hash_connection(const struct connection_key *key)
{
    return table_hash((struct bytes){(const uint8_t *)key, sizeof(*key)});
}

static uint64_t hash_id(const struct session_id *id)
{
    return table_hash((struct bytes){(const uint8_t *)id, sizeof(*id)});
}

void sessions_add(struct sessions *sessions, struct session *session)
{
    struct connection_key key = {session->open.connection, session->edge_slot};

    table_add(&sessions->by_connection, &session->connection_link, hash_connection(&key));
    table_add(&sessions->by_id, &session->id_link, hash_id(&session->id));
    enter_user(sessions, session);
    DL_APPEND(sessions->all, session);
    sessions->n++;
    sessions->n_live += session->state == SESSION_LIVE;
}

void sessions_remove(struct sessions *sessions, struct session *session)
{
    if (!session->prev) /* in a utlist every element but a lone stranger has a prev */
        return;
    table_remove(&sessions->by_connection, &session->connection_link);
    table_remove(&sessions->by_id, &session->id_link);
    leave_user(sessions, session);
    DL_DELETE(sessions->all, session);
    session->prev = NULL;
    sessions->n--;
    sessions->n_live -= session->state == SESSION_LIVE;
}

void sessions_set_state(struct sessions *sessions, struct session *session,
                        enum session_state state)
{
    if (session->prev) {
        sessions->n_live -= session->state == SESSION_LIVE;
        sessions->n_live += state == SESSION_LIVE;
    }
    session->state = state;
}

static bool is_id(const struct table_link *link, const void *key)
{
    return session_id_equal(&TABLE_OF(link, struct session, id_link)->id, key);
}

struct session *sessions_find(const struct sessions *sessions, const struct session_id *id)
{
    struct table_link *link = table_find(&sessions->by_id, hash_id(id), is_id, id);

    return link ? TABLE_OF(link, struct session, id_link) : NULL;
}

static bool is_connection(const struct table_link *link, const void *of)
{
    const struct session *session = TABLE_OF(link, struct session, connection_link);
    const struct connection_key *key = of;

    return session->open.connection == key->connection && session->edge_slot == key->edge_slot;
}

struct session *sessions_find_connection(const struct sessions *sessions, uint32_t edge_slot,
                                         uint64_t connection)
{
    struct connection_key key = {connection, edge_slot};
    struct table_link *link =
        table_find(&sessions->by_connection, hash_connection(&key), is_connection, &key);

    return link ? TABLE_OF(link, struct session, connection_link) : NULL;
}

size_t sessions_count(const struct sessions *sessions)
{
    return sessions->n;
}

size_t sessions_count_live(const struct sessions *sessions)
{
    return sessions->n_live;
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
    struct user_row *row = find_user(sessions, user);
    struct session *session, *next;

    /* The row goes with its last session: nothing of it is touched behind that. */
    for (session = row ? row->first : NULL; session; session = next) {
        next = session->user_next;
        each(context, session);
    }
}

/* --- the walk --------------------------------------------------------------------------------- */

void sessions_walk_begin(struct sessions *sessions)
{
    sessions->walk_row = sessions->users;
    sessions->walk_at = sessions->users->first;
}

struct session *sessions_walk_next(struct sessions *sessions)
{
    struct session *session;

    while (sessions->walk_row && !sessions->walk_at) {
        sessions->walk_row = sessions->walk_row->next;
        sessions->walk_at = sessions->walk_row ? sessions->walk_row->first : NULL;
    }
    session = sessions->walk_at;
    if (session)
        sessions->walk_at = session->user_next;
    return session;
}

bool sessions_is_walking(const struct sessions *sessions)
{
    return sessions->walk_row != NULL;
}
