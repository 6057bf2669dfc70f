/*
 * Hash index from folded values to entries, one table for all spaces: the space is the first octet
 * of the key. Most keys have one entry, which then lies in the node itself. Owns its keys, never
 * entries.
 */
#include "ldap/index.h"

#include "ldap/memory.h"

#define uthash_fatal(msg) abort()
#include <uthash.h>

enum { KEY_STACK_MAX = 512 }; /* keys up to here are looked up without allocating */

struct index_node {
    UT_hash_handle hh;
    uint32_t n, room; /* room 0: `one` is in use */
    union {
        const struct replica_entry *one;
        const struct replica_entry **many;
    };
    uint8_t key[]; /* space, value */
};

static const struct replica_entry **node_entries(struct index_node *node)
{
    return node->room ? node->many : &node->one;
}

static struct index_node *node_find(const struct index *index, unsigned space, struct bytes key)
{
    uint8_t stack[KEY_STACK_MAX];
    AUTO(octets_freep) unsigned char *heap = NULL;
    uint8_t *at = stack;
    struct index_node *node = NULL;

    if (key.len + 1 > sizeof(stack))
        at = heap = memory_new(key.len + 1, 1);
    at[0] = (uint8_t)space;
    if (key.len)
        memcpy(at + 1, key.at, key.len);
    HASH_FIND(hh, index->nodes, at, key.len + 1, node);
    return node;
}

static struct index_node *node_new(struct index *index, unsigned space, struct bytes key)
{
    struct index_node *node = memory_new(1, sizeof(*node) + 1 + key.len);

    node->key[0] = (uint8_t)space;
    if (key.len)
        memcpy(node->key + 1, key.at, key.len);
    HASH_ADD_KEYPTR(hh, index->nodes, node->key, key.len + 1, node);
    return node;
}

static void node_free(struct index *index, struct index_node *node)
{
    HASH_DEL(index->nodes, node);
    if (node->room)
        free(node->many);
    free(node);
}

static void node_append(struct index_node *node, const struct replica_entry *entry)
{
    const struct replica_entry **many;

    if (node->n == 0 && node->room == 0) {
        node->one = entry;
        node->n = 1;
        return;
    }
    if (node->n >= node->room) {
        uint32_t room = node->room ? node->room * 2 : 4;
        many = memory_grow(node->room ? node->many : NULL, room, sizeof(*many));
        if (!node->room)
            many[0] = node->one;
        node->many = many;
        node->room = room;
    }
    node->many[node->n++] = entry;
}

void index_add(struct index *index, unsigned space, struct bytes key,
               const struct replica_entry *entry)
{
    struct index_node *node = node_find(index, space, key);

    if (!node)
        node = node_new(index, space, key);
    /* Only the entry that is being added now can be there already: it is the last one. */
    if (node->n == 0 || node_entries(node)[node->n - 1] != entry)
        node_append(node, entry);
}

void index_remove(struct index *index, unsigned space, struct bytes key,
                  const struct replica_entry *entry)
{
    struct index_node *node = node_find(index, space, key);
    const struct replica_entry **at;

    if (!node)
        return;
    at = node_entries(node);
    for (uint32_t i = node->n; i-- > 0;)
        if (at[i] == entry) {
            at[i] = at[--node->n];
            break;
        }
    if (node->n == 0)
        node_free(index, node);
}

struct index_list index_find(const struct index *index, unsigned space, struct bytes key)
{
    struct index_node *node = node_find(index, space, key);

    if (!node)
        return (struct index_list){NULL, 0};
    return (struct index_list){node_entries(node), node->n};
}

void index_clear(struct index *index)
{
    struct index_node *node, *next;

    HASH_ITER(hh, index->nodes, node, next)
    {
        node_free(index, node);
    }
}
