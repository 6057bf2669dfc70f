/*
 * Running a find on a replica: equality tests bring the candidates out of the indexes, the whole
 * filter is then tested on each. decide and gatewayctl run it; no value is ever parsed again.
 */
#include "gatewayd/decide/mapping_find_tree.h"

#include "gatewayd/shared/xalloc.h"
#include "ldap/pieces.h"

struct run {
    const struct mapping_find *find;
    const struct replica *replica;
    struct filled *filled; /* one per node */
};

/* What the indexes brought; entries may come twice. */
struct candidates {
    const struct replica_entry **at;
    size_t n;
};

static struct bytes attribute_of(const struct run *run, size_t i)
{
    return bytes_of(run->find->nodes[i].attribute);
}

/* --- one entry -------------------------------------------------------------------------------- */

static bool test_holds(const struct run *run, size_t i, const struct replica_entry *entry)
{
    const struct filled *filled = &run->filled[i];
    size_t n = 0;

    for (size_t k = 0; k < filled->n; k++)
        n += replica_entry_has(run->replica, entry, attribute_of(run, i), filled->at[k]);
    return filled->all ? n == filled->n : n > 0;
}

static bool substring_holds(const struct run *run, size_t i, const struct replica_entry *entry)
{
    const struct find_node *node = &run->find->nodes[i];
    const struct replica_pieces pieces = {.at = run->filled[i].pieces,
                                          .n = run->filled[i].n_pieces,
                                          .open_start = node->parts[0].star,
                                          .open_end = node->parts[node->n_parts - 1].star};

    return replica_entry_has_pieces(run->replica, entry, attribute_of(run, i), &pieces);
}

static bool holds(const struct run *run, size_t i, const struct replica_entry *entry)
{
    const struct find_node *node = &run->find->nodes[i];

    switch (node->kind) {
    case FIND_TEST:
        return test_holds(run, i, entry);
    case FIND_SUBSTRING:
        return substring_holds(run, i, entry);
    case FIND_PRESENT:
        return replica_entry_value(run->replica, entry, attribute_of(run, i), 0).at != NULL;
    case FIND_NOT:
        return !holds(run, i + 1, entry);
    case FIND_AND:
    case FIND_OR:
        break;
    }
    for (size_t child = i + 1; child < node->next; child = run->find->nodes[child].next)
        if (holds(run, child, entry) != (node->kind == FIND_AND))
            return node->kind == FIND_OR;
    return node->kind == FIND_AND;
}

/* --- candidates ------------------------------------------------------------------------------- */

/* Of a test with !all one value is enough; whoever has all of them has it. */
static size_t n_asked(const struct filled *filled)
{
    return filled->all ? 1 : filled->n;
}

static size_t sum(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

/* How many entries the indexes would bring for node i; SIZE_MAX: they do not answer it. */
static size_t cost(const struct run *run, size_t i)
{
    const struct find_node *node = &run->find->nodes[i];
    size_t total = node->kind == FIND_AND ? SIZE_MAX : 0;

    if (node->kind == FIND_TEST)
        for (size_t k = 0; k < n_asked(&run->filled[i]); k++)
            total = sum(total, replica_find(run->replica, attribute_of(run, i),
                                            run->filled[i].at[k], NULL, 0));
    else if (node->kind != FIND_AND && node->kind != FIND_OR)
        return SIZE_MAX;
    for (size_t child = i + 1; child < node->next; child = run->find->nodes[child].next) {
        size_t one = cost(run, child);

        if (node->kind == FIND_OR)
            total = sum(total, one);
        else if (one < total)
            total = one;
    }
    return total;
}

/* candidates->at has room for cost(i) entries. */
static void gather(const struct run *run, size_t i, struct candidates *candidates)
{
    const struct find_node *node = &run->find->nodes[i];
    size_t wanted = node->kind == FIND_AND ? cost(run, i) : 0;

    for (size_t k = 0; node->kind == FIND_TEST && k < n_asked(&run->filled[i]); k++) {
        const struct bytes value = run->filled[i].at[k];
        size_t room = MAPPING_CANDIDATES_MAX - candidates->n;
        size_t n = replica_find(run->replica, attribute_of(run, i), value,
                                candidates->at + candidates->n, room);

        candidates->n += n < room ? n : room;
    }
    for (size_t child = i + 1; child < node->next; child = run->find->nodes[child].next) {
        if (node->kind == FIND_AND && cost(run, child) != wanted)
            continue;
        gather(run, child, candidates);
        if (node->kind == FIND_AND)
            return; /* one branch is enough: all must hold in any case */
    }
}

static bool is_known(const struct mapping_found *found, const struct replica_entry *entry)
{
    for (size_t i = 0; i < found->n; i++)
        if (found->at[i] == entry)
            return true;
    return false;
}

static void keep_holding(const struct run *run, const struct candidates *candidates,
                         struct mapping_found *found)
{
    for (size_t i = 0; i < candidates->n && !found->more; i++) {
        const struct replica_entry *entry = candidates->at[i];

        if (is_known(found, entry) || !holds(run, 0, entry))
            continue;
        if (found->n < MAPPING_FOUND_MAX)
            found->at[found->n++] = entry;
        else
            found->more = true;
    }
}

static void find_entries(const struct run *run, struct mapping_found *ret_found)
{
    size_t n = cost(run, 0);
    struct candidates candidates = {.n = 0};

    ret_found->n = 0;
    ret_found->more = n > MAPPING_CANDIDATES_MAX;
    if (n == 0 || ret_found->more)
        return;
    candidates.at = xcalloc(MAPPING_CANDIDATES_MAX, sizeof(struct replica_entry *));
    gather(run, 0, &candidates);
    keep_holding(run, &candidates, ret_found);
    free(candidates.at);
}

/* --- questions -------------------------------------------------------------------------------- */

bool mapping_find_run(const struct mapping_find *find, const struct identity *identity,
                      const struct replica *replica, struct mapping_found *ret_found,
                      struct error *err)
{
    struct run run = {.find = find, .replica = replica};

    if (!find_fill(find, identity, &run.filled, err))
        return false;
    find_entries(&run, ret_found);
    find_filled_free(run.filled, find);
    return true;
}

bool mapping_find_holds(const struct mapping_find *find, const struct identity *identity,
                        const struct replica *replica, const struct replica_entry *entry,
                        bool *ret_holds, struct error *err)
{
    struct run run = {.find = find, .replica = replica};

    if (!find_fill(find, identity, &run.filled, err))
        return false;
    *ret_holds = holds(&run, 0, entry);
    find_filled_free(run.filled, find);
    return true;
}

bool mapping_find_questions(const struct mapping_find *find, const struct identity *identity,
                            void (*each)(void *context, struct bytes attribute, struct bytes value),
                            void *context, struct error *err)
{
    struct filled *filled;

    if (!find_fill(find, identity, &filled, err))
        return false;
    for (size_t i = 0; i < find->n_nodes; i++)
        for (size_t k = 0; find->nodes[i].kind == FIND_TEST && k < filled[i].n; k++)
            each(context, bytes_of(find->nodes[i].attribute), filled[i].at[k]);
    find_filled_free(filled, find);
    return true;
}
