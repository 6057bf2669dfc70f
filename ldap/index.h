#pragma once
/*
 * The one index of a replica: from (space, folded value) to the entries that have it. Knows nothing
 * of what the spaces mean beyond their names.
 */
#include "common/table.h"
#include "ldap/replica.h"

enum index_space {
    INDEX_UUID,        /* every entry by its entryUUID */
    INDEX_DN,          /* every entry by its own DN */
    INDEX_MEMBER_DN,   /* groups by the DN of a member */
    INDEX_MEMBER_NAME, /* groups by the login name of a member */
    INDEX_GROUP_NAME,  /* groups by name */
    INDEX_GROUP_GID,   /* groups by gid */
    INDEX_HOST_NAME,   /* hosts by name */
    INDEX_VALUE = 16,  /* users by the value of an attribute: INDEX_VALUE + attribute number */
};

struct index {
    struct table nodes;
};

/* Entries under one key, in no order; borrowed until the index changes. */
struct index_list {
    const struct replica_entry *const *at;
    size_t n;
};

/* The same entry may be added twice under a key; it is then there once. */
void index_add(struct index *index, unsigned space, struct bytes key,
               const struct replica_entry *entry);
void index_remove(struct index *index, unsigned space, struct bytes key,
                  const struct replica_entry *entry);
struct index_list index_find(const struct index *index, unsigned space, struct bytes key);
void index_clear(struct index *index);
/* The same in pieces: true when nothing is left. No other call may follow but this one. */
bool index_clear_some(struct index *index, size_t n_nodes);
