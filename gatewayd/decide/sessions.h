#pragma once
/*
 * The tables of sessions: by id, by the edge's connection, by user. Bounded by the registry.
 */
#include "gatewayd/decide/session.h"

struct sessions;

struct sessions *sessions_new(void);
/* Frees all sessions. */
struct sessions *sessions_free(struct sessions *sessions); /* accepts NULL, returns NULL */
void sessions_add(struct sessions *sessions, struct session *session);
/* Takes it out; harmless when it is in no table. */
void sessions_remove(struct sessions *sessions, struct session *session);
/* Sets session->user and keeps the table of users in step. */
void sessions_set_user(struct sessions *sessions, struct session *session, const char *user);
/* Sets session->state; live ones are counted. */
void sessions_set_state(struct sessions *sessions, struct session *session,
                        enum session_state state);
struct session *sessions_find(const struct sessions *sessions, const struct session_id *id);
struct session *sessions_find_connection(const struct sessions *sessions, uint32_t edge_slot,
                                         uint64_t connection);
size_t sessions_count(const struct sessions *sessions);
/* Live ones: what mass_end_guard counts. */
size_t sessions_count_live(const struct sessions *sessions);
/* Every session, oldest first; each may free the one that it is given. */
void sessions_each(struct sessions *sessions, void (*each)(void *context, struct session *session),
                   void *context);
void sessions_each_of_user(struct sessions *sessions, const char *user,
                           void (*each)(void *context, struct session *session), void *context);
/* The oldest session of the user, or NULL. */
struct session *sessions_first_of_user(const struct sessions *sessions, const char *user);

/*
 * A walk over all sessions, those of a user together, in as many pieces as its owner likes: begin,
 * then next until NULL. Whatever goes meanwhile: a session that was there at the beginning, and
 * still is, is given at least once, unless its user has changed, which takes a judgement of its
 * own. One walk at a time.
 */
void sessions_walk_begin(struct sessions *sessions);
struct session *sessions_walk_next(struct sessions *sessions);
bool sessions_is_walking(const struct sessions *sessions);
