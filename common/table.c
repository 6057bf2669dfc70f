/*
 * The hash table: chains in buckets. When there are as many things as buckets, twice as many
 * buckets begin to be filled; each later change moves a few of the old ones. Runs everywhere;
 * trusts its callers.
 */
#include "common/table.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS_LEAST = 16,
    MOVED_AT_ONCE = 4, /* buckets per change: all have moved long before the next growth */
};

uint64_t table_hash(struct bytes key)
{
    const uint64_t factor = 0x9e3779b97f4a7c15; /* the golden ratio, odd */
    uint64_t hash = key.len * factor, word;
    size_t at = 0;

    for (; key.len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, key.at + at, sizeof(word));
        hash = (hash ^ word) * factor;
        hash ^= hash >> 29;
    }
    word = 0;
    if (at < key.len)
        memcpy(&word, key.at + at, key.len - at);
    hash = (hash ^ word) * factor;
    hash ^= hash >> 32;
    return hash * factor;
}

/* The upper half of a product is the better one. */
static size_t place_of(uint64_t hash, size_t mask)
{
    return (size_t)(hash >> 20) & mask;
}

static struct table_link **buckets_new(size_t n)
{
    struct table_link **buckets = calloc(n, sizeof(struct table_link *));

    if (!buckets)
        abort();
    return buckets;
}

static void push(struct table_link **bucket, struct table_link *link)
{
    link->next = *bucket;
    *bucket = link;
}

static void move_some(struct table *table)
{
    for (int i = 0; i < MOVED_AT_ONCE && table->before; i++) {
        struct table_link *link;

        while ((link = table->before[table->moved])) {
            table->before[table->moved] = link->next;
            push(&table->now[place_of(link->hash, table->now_mask)], link);
        }
        if (table->moved++ < table->before_mask)
            continue;
        free(table->before);
        table->before = NULL;
    }
}

static void grow(struct table *table)
{
    size_t n = table->now ? 2 * (table->now_mask + 1) : BUCKETS_LEAST;

    while (table->before)
        move_some(table);
    table->before = table->now;
    table->before_mask = table->now_mask;
    table->moved = 0;
    table->now = buckets_new(n);
    table->now_mask = n - 1;
}

void table_add(struct table *table, struct table_link *link, uint64_t hash)
{
    if (!table->now || table->n > table->now_mask)
        grow(table);
    move_some(table);
    link->hash = hash;
    push(&table->now[place_of(hash, table->now_mask)], link);
    table->n++;
}

/* Where a thing of that hash may lie: a bucket of now, and one of before or NULL. */
static struct table_link **old_bucket(const struct table *table, uint64_t hash)
{
    size_t place;

    if (!table->before)
        return NULL;
    place = place_of(hash, table->before_mask);
    return place >= table->moved ? &table->before[place] : NULL;
}

static bool unlink_from(struct table_link **bucket, const struct table_link *link)
{
    for (; *bucket; bucket = &(*bucket)->next)
        if (*bucket == link) {
            *bucket = link->next;
            return true;
        }
    return false;
}

void table_remove(struct table *table, struct table_link *link)
{
    struct table_link **old = old_bucket(table, link->hash);

    if (!(old && unlink_from(old, link)) &&
        !unlink_from(&table->now[place_of(link->hash, table->now_mask)], link))
        abort(); /* it is in no table, or in another one */
    link->next = NULL;
    table->n--;
    move_some(table);
}

static struct table_link *find_in(struct table_link *link, uint64_t hash, table_equal *equal,
                                  const void *key)
{
    while (link && (link->hash != hash || !equal(link, key)))
        link = link->next;
    return link;
}

struct table_link *table_find(const struct table *table, uint64_t hash, table_equal *equal,
                              const void *key)
{
    struct table_link **old = old_bucket(table, hash);
    struct table_link *found = NULL;

    if (table->n == 0)
        return NULL;
    if (old)
        found = find_in(*old, hash, equal, key);
    if (!found)
        found = find_in(table->now[place_of(hash, table->now_mask)], hash, equal, key);
    return found;
}

static struct table_link *unlink_first(struct table_link **bucket)
{
    struct table_link *link = *bucket;

    *bucket = link->next;
    return link;
}

/* The first thing of the old buckets, which empties them from the front as moving does. */
static struct table_link *pop_before(struct table *table)
{
    while (!table->before[table->moved])
        if (table->moved++ == table->before_mask) {
            free(table->before);
            table->before = NULL;
            table->moved = 0;
            return NULL;
        }
    return unlink_first(&table->before[table->moved]);
}

/* Looks on from where the last one was: all of them cost one walk. There must be one. */
static struct table_link *pop_now(struct table *table)
{
    struct table_link **bucket;

    while (!table->now[table->moved & table->now_mask])
        table->moved++;
    bucket = &table->now[table->moved & table->now_mask];
    return unlink_first(bucket);
}

struct table_link *table_pop(struct table *table)
{
    struct table_link *link = NULL;

    if (table->n == 0) {
        table_clear(table);
        return NULL;
    }
    if (table->before)
        link = pop_before(table);
    if (!link)
        link = pop_now(table);
    link->next = NULL;
    table->n--;
    return link;
}

void table_clear(struct table *table)
{
    free(table->now);
    free(table->before);
    *table = (struct table){.n = 0};
}
