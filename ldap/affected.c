/*
 * Which users a change of one entry may concern, so that only their sessions are judged again. May
 * name too many, never too few: names of ambiguous twins, members of nested groups, users of a
 * primary group.
 */
#include "ldap/dn.h"
#include "ldap/memory.h"
#include "ldap/replica_state.h"

#define uthash_fatal(msg) abort()
#include <uthash.h>

struct affected_name {
    UT_hash_handle hh;
    char name[];
};

/* Entries already walked, and those to walk. */
struct walk {
    struct walked {
        UT_hash_handle hh;
        const struct replica_entry *entry;
        struct walked *next; /* to do */
    } * seen, *todo;
};

static void name_add(struct affected_name **names, struct bytes name)
{
    struct affected_name *found;

    HASH_FIND(hh, *names, name.at, name.len, found);
    if (found || name.len == 0 || memchr(name.at, '\0', name.len))
        return;
    found = memory_new(1, sizeof(*found) + name.len + 1);
    memcpy(found->name, name.at, name.len);
    HASH_ADD_KEYPTR(hh, *names, found->name, name.len, found);
}

static void names_of_user(struct affected *affected, const struct replica *replica,
                          const struct replica_entry *user)
{
    struct entry_values names = entry_role(&replica->attributes, user, ROLE_USER_NAME);

    for (size_t i = 0; i < names.n; i++)
        name_add(&affected->names, values_get(names, i));
}

static void names_of_list(struct affected *affected, const struct replica *replica,
                          struct index_list list)
{
    for (size_t i = 0; i < list.n; i++)
        if (list.at[i]->kind == REPLICA_USER)
            names_of_user(affected, replica, list.at[i]);
}

static bool has_value(struct entry_values values, struct bytes value)
{
    for (size_t i = 0; i < values.n; i++)
        if (bytes_equal(values_get(values, i), value))
            return true;
    return false;
}

/*
 * The user, and all who share the DN or a value by which users are found: they become ambiguous
 * together, or cease to be. What `other` has as well changes nothing for them. The primary gid is
 * no such value; most users share it.
 */
static void add_user(struct affected *affected, const struct replica *replica,
                     const struct replica_entry *user, const struct replica_entry *other)
{
    const struct attributes *attributes = &replica->attributes;

    names_of_user(affected, replica, user);
    names_of_list(affected, replica, index_find(&replica->index, INDEX_DN, entry_key(user)));
    for (size_t number = 0; number < attributes->n; number++) {
        struct entry_values values = entry_values(user, (uint8_t)number);
        struct entry_values others =
            other ? entry_values(other, (uint8_t)number) : (struct entry_values){0};

        if (!attributes->at[number].indexed || number == attributes->of_role[ROLE_USER_GID])
            continue;
        for (size_t i = 0; i < values.n; i++)
            if (!has_value(others, values_get(values, i)))
                names_of_list(affected, replica,
                              replica_list(replica, INDEX_VALUE + (unsigned)number,
                                           attributes->at[number].match, values_get(values, i)));
    }
}

static void walk_push(struct walk *walk, const struct replica_entry *group)
{
    struct walked *found;

    HASH_FIND_PTR(walk->seen, &group, found);
    if (found)
        return;
    found = memory_new(1, sizeof(*found));
    found->entry = group;
    found->next = walk->todo;
    walk->todo = found;
    HASH_ADD_PTR(walk->seen, entry, found);
}

static void walk_clear(struct walk *walk)
{
    struct walked *at, *next;

    HASH_ITER(hh, walk->seen, at, next)
    {
        HASH_DEL(walk->seen, at);
        free(at);
    }
}

/* One member by its folded key: users are added, groups are walked later. */
static void add_member(struct affected *affected, const struct replica *replica, struct walk *walk,
                       unsigned space, struct bytes key)
{
    struct index_list list;

    if (space == INDEX_MEMBER_NAME) {
        names_of_list(affected, replica, replica_list_role(replica, ROLE_USER_NAME, key));
        return;
    }
    list = index_find(&replica->index, INDEX_DN, key);
    names_of_list(affected, replica, list);
    for (size_t i = 0; i < list.n; i++)
        if (list.at[i]->kind == REPLICA_GROUP)
            walk_push(walk, list.at[i]);
}

static const struct {
    enum attribute_role role;
    unsigned space;
} memberships[] = {
    {ROLE_MEMBER_NAME, INDEX_MEMBER_NAME},
    {ROLE_MEMBER_DN, INDEX_MEMBER_DN},
    {ROLE_MEMBER_DN_UID, INDEX_MEMBER_DN},
};

/* Calls `each` for every member of the group by its folded key. */
struct member_calls {
    void (*each)(void *context, unsigned space, struct bytes key);
    void *context;
};

static void each_member(const struct replica *replica, const struct replica_entry *group,
                        const struct member_calls *calls)
{
    AUTO(writer_clear) struct writer scratch = writer_new(REPLICA_VALUE_MAX);
    struct bytes key;

    for (size_t m = 0; m < ARRAY_LEN(memberships); m++) {
        struct entry_values values = entry_role(&replica->attributes, group, memberships[m].role);
        for (size_t i = 0; i < values.n; i++)
            if (value_fold(role_match(memberships[m].role), values_get(values, i), &scratch, &key))
                calls->each(calls->context, memberships[m].space, key);
    }
}

struct adding {
    struct affected *affected;
    const struct replica *replica;
    struct walk walk;
};

static void add_each(void *context, unsigned space, struct bytes key)
{
    struct adding *adding = context;

    add_member(adding->affected, adding->replica, &adding->walk, space, key);
}

/* Users whose primary group it is. */
static void add_primary(struct adding *adding, const struct replica_entry *group)
{
    struct entry_values gids = entry_role(&adding->replica->attributes, group, ROLE_GROUP_GID);

    for (size_t i = 0; i < gids.n; i++)
        names_of_list(adding->affected, adding->replica,
                      replica_list_role(adding->replica, ROLE_USER_GID, values_get(gids, i)));
}

/* Members of everything that was pushed, down to the last nested group. */
static void walk_down(struct adding *adding)
{
    struct walked *at;

    while ((at = adding->walk.todo)) {
        adding->walk.todo = at->next;
        add_primary(adding, at->entry);
        each_member(adding->replica, at->entry, &(struct member_calls){add_each, adding});
    }
}

/* Groups that share a name or a gid are ambiguous together: their members too. */
static void push_twins(struct adding *adding, const struct replica_entry *group)
{
    static const struct {
        enum attribute_role role;
        unsigned space;
    } unique[] = {{ROLE_GROUP_NAME, INDEX_GROUP_NAME}, {ROLE_GROUP_GID, INDEX_GROUP_GID}};

    for (size_t u = 0; u < ARRAY_LEN(unique); u++) {
        struct entry_values values =
            entry_role(&adding->replica->attributes, group, unique[u].role);
        for (size_t i = 0; i < values.n; i++) {
            struct index_list list =
                replica_list(adding->replica, unique[u].space, role_match(unique[u].role),
                             values_get(values, i));
            for (size_t l = 0; l < list.n; l++)
                walk_push(&adding->walk, list.at[l]);
        }
    }
}

/* A set of member keys: those of one version, minus those of the other. */
struct member_key {
    UT_hash_handle hh;
    unsigned space;
    uint32_t len;
    uint8_t key[]; /* space, value */
};
struct member_set {
    struct member_key *keys;
    bool removing;
};

static void set_each(void *context, unsigned space, struct bytes key)
{
    struct member_set *set = context;
    struct member_key *member = memory_new(1, sizeof(*member) + key.len + 1), *found;

    member->space = space;
    member->len = (uint32_t)key.len;
    member->key[0] = (uint8_t)space;
    memcpy(member->key + 1, key.at, key.len);
    HASH_FIND(hh, set->keys, member->key, key.len + 1, found);
    if (found && set->removing) {
        HASH_DEL(set->keys, found);
        free(found);
    }
    if (found || set->removing) {
        free(member);
        return;
    }
    HASH_ADD_KEYPTR(hh, set->keys, member->key, key.len + 1, member);
}

/* Members of entry that other does not have. */
static void add_difference(struct adding *adding, const struct replica_entry *entry,
                           const struct replica_entry *other)
{
    struct member_set set = {NULL, false};
    struct member_key *at, *next;

    each_member(adding->replica, entry, &(struct member_calls){set_each, &set});
    set.removing = true;
    each_member(adding->replica, other, &(struct member_calls){set_each, &set});
    HASH_ITER(hh, set.keys, at, next)
    {
        add_member(adding->affected, adding->replica, &adding->walk, at->space,
                   (struct bytes){at->key + 1, at->len});
        HASH_DEL(set.keys, at);
        free(at);
    }
}

static bool same_values(const struct replica *replica, const struct replica_entry *a,
                        const struct replica_entry *b, enum attribute_role role)
{
    struct entry_values x = entry_role(&replica->attributes, a, role);
    struct entry_values y = entry_role(&replica->attributes, b, role);

    if (x.n != y.n)
        return false;
    for (size_t i = 0; i < x.n; i++)
        if (!bytes_equal(values_get(x, i), values_get(y, i)))
            return false;
    return true;
}

static bool same_group(const struct replica *replica, const struct replica_entry *a,
                       const struct replica_entry *b)
{
    return b && a->kind == REPLICA_GROUP && b->kind == REPLICA_GROUP &&
           bytes_equal(entry_key(a), entry_key(b)) && same_values(replica, a, b, ROLE_GROUP_NAME) &&
           same_values(replica, a, b, ROLE_GROUP_GID);
}

void affected_add(struct affected *affected, const struct replica *replica,
                  const struct replica_entry *entry, const struct replica_entry *other)
{
    struct adding adding = {affected, replica, {NULL, NULL}};

    if (entry->kind == REPLICA_HOST) {
        struct entry_values names = entry_role(&replica->attributes, entry, ROLE_HOST_NAME);

        for (size_t i = 0; i < names.n; i++)
            name_add(&affected->hosts, values_get(names, i));
        return;
    }
    if (entry->kind == REPLICA_USER) {
        add_user(affected, replica, entry, other);
        return;
    }
    if (same_group(replica, entry, other)) {
        add_difference(&adding, entry, other);
    } else {
        walk_push(&adding.walk, entry);
        push_twins(&adding, entry);
    }
    walk_down(&adding);
    walk_clear(&adding.walk);
}

static void report(struct affected_name **names, void (*each)(void *context, const char *name),
                   void *context)
{
    struct affected_name *at, *next;

    HASH_ITER(hh, *names, at, next)
    {
        if (each)
            each(context, at->name);
        HASH_DEL(*names, at);
        free(at);
    }
}

void affected_report(struct affected *affected, const struct replica_affected *to)
{
    report(&affected->names, to->user, to->context);
    report(&affected->hosts, to->host, to->context);
}
