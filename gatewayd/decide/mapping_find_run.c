/*
 * Running a find: the values of one certificate are filled in, the leaves ask the replica, the
 * results are joined. decide and gatewayctl run it; no value is ever parsed again.
 */
#include "gatewayd/decide/mapping_find_tree.h"

#include "gatewayd/shared/xalloc.h"

/* The values of one test for one certificate: one, or several for !any and !all. */
struct filled {
    struct bytes at[MAPPING_VALUES_MAX];
    size_t n;
    bool all;
};

struct run {
    const struct mapping_find *find;
    const struct replica *replica;
    struct filled *filled; /* one per node */
};

static struct bytes value_octets(const struct identity_value *value)
{
    return value->attribute->binary ? value->raw : value->text;
}

/* Puts one value together; `several` is the value of the part with !any or !all. */
static void put_value(const struct find_node *node,
                      const struct mapping_values values[FIND_PARTS_MAX], size_t several,
                      struct writer *out)
{
    for (size_t i = 0; i < node->n_parts; i++) {
        if (!node->parts[i].reference.attribute)
            writer_put(out, node->parts[i].literal);
        else
            writer_put(out, value_octets(values[i].at[i == node->many ? several : 0]));
    }
}

static bool fill(const struct find_node *node, const struct identity *identity,
                 struct filled *ret_filled, struct error *err)
{
    struct mapping_values values[FIND_PARTS_MAX];
    size_t n = 1;

    for (size_t i = 0; i < node->n_parts; i++) {
        const struct mapping_reference *reference = &node->parts[i].reference;

        if (!reference->attribute)
            continue;
        if (!mapping_values_of(reference, identity, &values[i], err))
            return false;
        if (values[i].n == 0)
            return err_set(err, REASON_NO_VALUE, "%s", reference->attribute->name);
        if (i == node->many)
            n = values[i].n;
    }
    ret_filled->all =
        node->many < FIND_PARTS_MAX && node->parts[node->many].reference.many == MAPPING_ALL;
    for (size_t several = 0; several < n; several++) {
        struct writer out = writer_new(FIND_VALUE_MAX);
        size_t len;
        uint8_t *octets;

        put_value(node, values, several, &out);
        octets = writer_take(&out, &len);
        if (!octets)
            return err_set(err, REASON_BAD_ENCODING, "%s: too long", node->attribute);
        ret_filled->at[ret_filled->n++] = (struct bytes){octets, len};
    }
    return true;
}

static void clear_filled(struct filled *filled, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < filled[i].n; k++)
            free((void *)filled[i].at[k].at);
    free(filled);
}

static bool fill_all(const struct mapping_find *find, const struct identity *identity,
                     struct filled **ret_filled, struct error *err)
{
    struct filled *filled = xcalloc(find->n_nodes, sizeof(*filled));

    for (size_t i = 0; i < find->n_nodes; i++) {
        if (find->nodes[i].kind != FIND_TEST || fill(&find->nodes[i], identity, &filled[i], err))
            continue;
        clear_filled(filled, find->n_nodes);
        return false;
    }
    *ret_filled = filled;
    return true;
}

static bool test_holds(const struct run *run, size_t i, const struct replica_entry *entry)
{
    const struct filled *filled = &run->filled[i];
    size_t n = 0;

    for (size_t k = 0; k < filled->n; k++)
        n += replica_entry_has(run->replica, entry, bytes_of(run->find->nodes[i].attribute),
                               filled->at[k]);
    return filled->all ? n == filled->n : n > 0;
}

static bool holds(const struct run *run, size_t i, const struct replica_entry *entry)
{
    const struct find_node *node = &run->find->nodes[i];

    if (node->kind == FIND_TEST)
        return test_holds(run, i, entry);
    for (size_t child = i + 1; child < node->next; child = run->find->nodes[child].next)
        if (holds(run, child, entry) != (node->kind == FIND_AND))
            return node->kind == FIND_OR;
    return node->kind == FIND_AND;
}

static void add_found(struct mapping_found *found, const struct replica_entry *entry)
{
    for (size_t i = 0; i < found->n; i++)
        if (found->at[i] == entry)
            return;
    if (found->n < MAPPING_FOUND_MAX)
        found->at[found->n++] = entry;
    else
        found->more = true;
}

static void keep_holding(const struct run *run, size_t i, struct mapping_found *found)
{
    size_t n = 0;

    for (size_t k = 0; k < found->n; k++)
        if (holds(run, i, found->at[k]))
            found->at[n++] = found->at[k];
    found->n = n;
}

static void gather_test(const struct run *run, size_t i, struct mapping_found *found)
{
    const struct filled *filled = &run->filled[i];
    size_t n_asked = filled->all ? 1 : filled->n;

    for (size_t k = 0; k < n_asked; k++) {
        const struct replica_entry *entries[MAPPING_FOUND_MAX];
        size_t n = replica_find(run->replica, bytes_of(run->find->nodes[i].attribute),
                                filled->at[k], entries, MAPPING_FOUND_MAX);

        found->more = found->more || n > MAPPING_FOUND_MAX;
        for (size_t e = 0; e < n && e < MAPPING_FOUND_MAX; e++)
            add_found(found, entries[e]);
    }
    if (filled->all)
        keep_holding(run, i, found);
}

static void gather(const struct run *run, size_t i, struct mapping_found *ret_found);

static void merge(struct mapping_found *found, const struct mapping_found *other)
{
    found->more = found->more || other->more;
    for (size_t i = 0; i < other->n; i++)
        add_found(found, other->at[i]);
}

/* One branch that is not too wide gives the candidates; all must hold for each of them. */
static void gather_and(const struct run *run, size_t i, struct mapping_found *ret_found)
{
    const struct find_node *node = &run->find->nodes[i];

    for (size_t child = i + 1; child < node->next; child = run->find->nodes[child].next) {
        gather(run, child, ret_found);
        if (!ret_found->more)
            break;
    }
    keep_holding(run, i, ret_found);
}

/* Entries below node i. `more` with too few entries means: too many to tell them apart. */
static void gather(const struct run *run, size_t i, struct mapping_found *ret_found)
{
    const struct find_node *node = &run->find->nodes[i];
    struct mapping_found found = {.n = 0};

    if (node->kind == FIND_TEST) {
        gather_test(run, i, &found);
    } else if (node->kind == FIND_AND) {
        gather_and(run, i, &found);
    } else {
        for (size_t child = i + 1; child < node->next; child = run->find->nodes[child].next) {
            struct mapping_found part;

            gather(run, child, &part);
            merge(&found, &part);
        }
    }
    *ret_found = found;
}

bool mapping_find_run(const struct mapping_find *find, const struct identity *identity,
                      const struct replica *replica, struct mapping_found *ret_found,
                      struct error *err)
{
    struct run run = {.find = find, .replica = replica};

    if (!fill_all(find, identity, &run.filled, err))
        return false;
    gather(&run, 0, ret_found);
    clear_filled(run.filled, find->n_nodes);
    return true;
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_value(struct bytes value, struct writer *out)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];

        if (c > ' ' && c < 0x7f && c != '(' && c != ')' && c != '*' && c != '\\')
            writer_u8(out, c);
        else
            writer_printf(out, "\\%02x", c);
    }
}

static void print_test(const struct find_node *node, const struct filled *filled,
                       struct writer *out)
{
    if (filled->n > 1)
        writer_text(out, filled->all ? "(&" : "(|");
    for (size_t i = 0; i < filled->n; i++) {
        writer_printf(out, "(%s=", node->attribute);
        print_value(filled->at[i], out);
        writer_u8(out, ')');
    }
    if (filled->n > 1)
        writer_u8(out, ')');
}

static void print_node(const struct mapping_find *find, const struct filled *filled, size_t i,
                       struct writer *out)
{
    const struct find_node *node = &find->nodes[i];

    if (node->kind == FIND_TEST) {
        print_test(node, &filled[i], out);
        return;
    }
    writer_text(out, node->kind == FIND_AND ? "(&" : "(|");
    for (size_t child = i + 1; child < node->next; child = find->nodes[child].next)
        print_node(find, filled, child, out);
    writer_u8(out, ')');
}

bool mapping_find_print(const struct mapping_find *find, const struct identity *identity,
                        struct writer *out, struct error *err)
{
    struct filled *filled;

    if (!fill_all(find, identity, &filled, err))
        return false;
    print_node(find, filled, 0, out);
    clear_filled(filled, find->n_nodes);
    return true;
}
