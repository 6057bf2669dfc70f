/*
 * Hash index from folded values to entries, one table for all spaces. Most keys have one entry,
 * which then lies in the node itself. Owns its keys, never entries.
 */
#include "ldap/index.h"

#include "common/table.h"
#include "ldap/memory.h"

struct index_node {
    struct table_link link;
    uint32_t n, room; /* room 0: `one` is in use */
    union {
        const struct replica_entry *one;
        const struct replica_entry **many;
    };
    uint32_t key_len;
    uint8_t space;
    uint8_t key[]; /* the folded value */
};

/* What is looked for. */
struct wanted {
    unsigned space;
    struct bytes key;
};

static const struct replica_entry **node_entries(struct index_node *node)
{
    return node->room ? node->many : &node->one;
}

static uint64_t hash_of(unsigned space, struct bytes key)
{
    return table_hash(key) + space * 0x9e3779b97f4a7c15u;
}

static bool is_wanted(const struct table_link *link, const void *key)
{
    const struct index_node *node = TABLE_OF(link, struct index_node, link);
    const struct wanted *wanted = key;

    return node->space == wanted->space &&
           bytes_equal((struct bytes){node->key, node->key_len}, wanted->key);
}

static struct index_node *node_find(const struct index *index, unsigned space, struct bytes key)
{
    struct wanted wanted = {space, key};
    struct table_link *link = table_find(&index->nodes, hash_of(space, key), is_wanted, &wanted);

    return link ? TABLE_OF(link, struct index_node, link) : NULL;
}

static struct index_node *node_new(struct index *index, unsigned space, struct bytes key)
{
    struct index_node *node = memory_new(1, sizeof(*node) + key.len);

    node->space = (uint8_t)space;
    node->key_len = (uint32_t)key.len;
    if (key.len)
        memcpy(node->key, key.at, key.len);
    table_add(&index->nodes, &node->link, hash_of(space, key));
    return node;
}

static void node_free(struct index_node *node)
{
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
    if (node->n > 0)
        return;
    table_remove(&index->nodes, &node->link);
    node_free(node);
}

struct index_list index_find(const struct index *index, unsigned space, struct bytes key)
{
    struct index_node *node = node_find(index, space, key);

    if (!node)
        return (struct index_list){NULL, 0};
    return (struct index_list){node_entries(node), node->n};
}

bool index_clear_some(struct index *index, size_t n_nodes)
{
    struct table_link *link;

    for (; n_nodes > 0 && (link = table_pop(&index->nodes)); n_nodes--)
        node_free(TABLE_OF(link, struct index_node, link));
    return index->nodes.n == 0;
}

void index_clear(struct index *index)
{
    (void)index_clear_some(index, SIZE_MAX);
    table_clear(&index->nodes);
}
