#pragma once
/*
 * Table: a hash table of things that carry their own link, for thousands to millions of them in
 * loops that may not stand still: it grows a few buckets at a time, never all at once. Knows
 * nothing of the things and of their keys. Out of memory aborts: not for the modules, which are
 * guests in other processes.
 */
#include "common/bytes.h"

#include <stdbool.h>

/* Lies inside of the thing; belongs to the table while the thing is in it. */
struct table_link {
    struct table_link *next;
    uint64_t hash;
};

/* Zeroed memory is an empty table. */
struct table {
    struct table_link **now, **before; /* buckets; before: those that have not moved yet */
    size_t now_mask, before_mask;
    size_t moved; /* buckets of before that have moved */
    size_t n;
};

/*
 * The hash of a key. Spreads well, but resists nobody who chooses keys to collide: such keys must
 * be digests already.
 */
uint64_t table_hash(struct bytes key);
/* Whether the thing of this link has this key. */
typedef bool table_equal(const struct table_link *link, const void *key);

/* Adds a thing; others of the same key stay beside it. */
void table_add(struct table *table, struct table_link *link, uint64_t hash);
/* Takes out a thing that is in the table. */
void table_remove(struct table *table, struct table_link *link);
/* A thing of that hash that equals the key; NULL: none. */
struct table_link *table_find(const struct table *table, uint64_t hash, table_equal *equal,
                              const void *key);
/* Takes out any of the things; NULL when none is left. For freeing them all. */
struct table_link *table_pop(struct table *table);
/* Frees the buckets; the things that were in it are the caller's. */
void table_clear(struct table *table);

/* The thing that a link lies in: TABLE_OF(link, struct user_row, link). */
#define TABLE_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))
