/*
 * All groups of a user: direct ones by DN and by login name, the primary group, and whatever these
 * are members of. Breadth first with a visited set, so loops end; beyond the limits there is an
 * error, never a partial list.
 */
#include "ldap/memory.h"
#include "ldap/replica_state.h"

#define uthash_fatal(msg) abort()
#include <uthash.h>

struct visit {
    UT_hash_handle hh;
    const struct replica_entry *group;
    struct visit *next; /* in order of discovery */
    unsigned depth;     /* 1: the user is a direct member */
};

struct search {
    const struct replica *replica;
    struct visit *seen, *first, *last;
    size_t n;
};

static bool visit(struct search *search, const struct replica_entry *group, unsigned depth,
                  struct error *err)
{
    struct visit *found;

    HASH_FIND_PTR(search->seen, &group, found);
    if (found)
        return true;
    if (depth > REPLICA_GROUP_DEPTH_MAX)
        return err_set(err, REASON_GROUP_LIMIT, "groups nest deeper than %d",
                       REPLICA_GROUP_DEPTH_MAX);
    if (search->n == REPLICA_GROUPS_MAX)
        return err_set(err, REASON_GROUP_LIMIT, "more than %d groups", REPLICA_GROUPS_MAX);
    found = memory_new(1, sizeof(*found));
    found->group = group;
    found->depth = depth;
    HASH_ADD_PTR(search->seen, group, found);
    if (search->last)
        search->last->next = found;
    else
        search->first = found;
    search->last = found;
    search->n++;
    return true;
}

static bool visit_list(struct search *search, struct index_list list, unsigned depth,
                       struct error *err)
{
    for (size_t i = 0; i < list.n; i++)
        if (!visit(search, list.at[i], depth, err))
            return false;
    return true;
}

static bool search_run(struct search *search, const struct replica_entry *user, struct bytes name,
                       struct error *err)
{
    const struct replica *replica = search->replica;
    struct entry_values gid = entry_role(&replica->attributes, user, ROLE_USER_GID);

    if (!visit_list(search, index_find(&replica->index, INDEX_MEMBER_DN, entry_key(user)), 1,
                    err) ||
        !visit_list(search, index_find(&replica->index, INDEX_MEMBER_NAME, name), 1, err) ||
        !visit_list(search, index_find(&replica->index, INDEX_GROUP_GID, values_get(gid, 0)), 1,
                    err))
        return false;
    for (struct visit *at = search->first; at; at = at->next)
        if (!visit_list(search, index_find(&replica->index, INDEX_MEMBER_DN, entry_key(at->group)),
                        at->depth + 1, err))
            return false;
    return true;
}

/* Frees the search; its groups go to ret_closure unless that is NULL. */
static void search_end(struct search *search, struct closure *ret_closure)
{
    struct visit *at = search->first, *next;

    if (ret_closure)
        ret_closure->at = memory_new(search->n, sizeof(ret_closure->at[0]));
    HASH_CLEAR(hh, search->seen);
    for (; at; at = next) {
        next = at->next;
        if (ret_closure)
            ret_closure->at[ret_closure->n++] = at->group;
        free(at);
    }
}

bool closure_of_user(const struct replica *replica, const struct replica_entry *user,
                     struct bytes name, struct closure *ret_closure, struct error *err)
{
    struct search search = {.replica = replica};
    bool complete = search_run(&search, user, name, err);

    *ret_closure = (struct closure){NULL, 0};
    search_end(&search, complete ? ret_closure : NULL);
    return complete;
}

void closure_clear(struct closure *closure)
{
    free(closure->at);
    *closure = (struct closure){NULL, 0};
}
