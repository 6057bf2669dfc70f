#pragma once
/*
 * What is inside of a replica: for the files of the replica target only.
 */
#include "ldap/entry.h"
#include "ldap/index.h"

struct replica {
    struct replica_options options;
    struct attributes attributes;
    struct index index;
    struct replica_entry *first[REPLICA_KIND__COUNT];
    size_t counts[REPLICA_KIND__COUNT];
    int64_t as_of_ms;
    char *filter;
};

/* --- closure.c ------------------------------------------------------------------------------- */
/* Groups of a user, nearest first. */
struct closure {
    const struct replica_entry **at;
    size_t n;
};
/* The caller clears ret_closure. GROUP_LIMIT when nesting or number go beyond the limits. */
bool closure_of_user(const struct replica *replica, const struct replica_entry *user,
                     struct bytes name, struct closure *ret_closure, struct error *err) MUST_CHECK;
void closure_clear(struct closure *closure);

/* --- affected.c ------------------------------------------------------------------------------ */
struct affected_name;
struct affected {
    struct affected_name *names; /* of users */
    struct affected_name *hosts;
};
/*
 * Adds the users whose account may depend on the entry as the replica is now. other: the version
 * that it replaces or that replaces it, or NULL; of a group that differs in members only, just
 * those who come or go are added.
 */
void affected_add(struct affected *affected, const struct replica *replica,
                  const struct replica_entry *entry, const struct replica_entry *other);
/* Calls back for each name and forgets them all. */
void affected_report(struct affected *affected, const struct replica_affected *to);

/* --- replica.c ------------------------------------------------------------------------------- */
/* Entries of a space under a value that is not yet folded; none when the value cannot exist. */
struct index_list replica_list(const struct replica *replica, unsigned space,
                               enum attribute_match match, struct bytes value);
/* Users by the value of the attribute of a role. */
struct index_list replica_list_role(const struct replica *replica, enum attribute_role role,
                                    struct bytes value);
