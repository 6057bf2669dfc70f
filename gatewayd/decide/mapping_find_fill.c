/*
 * Filling a find in with the values of one certificate. decide and gatewayctl run it; the values
 * are octets to compare with, they are never parsed again.
 */
#include "gatewayd/decide/mapping_find_tree.h"

#include "gatewayd/shared/xalloc.h"

/* The values of one node in the making. */
struct fill {
    const struct find_node *node;
    struct mapping_values values[FIND_PARTS_MAX]; /* of the parts that are references */
};

/* RFC 4514 2.4: inside of a distinguished name the value stays one value. */
static void put_escaped(struct bytes value, struct writer *out)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        bool edge = i == 0 || i == value.len - 1;

        if (memchr("\"+,;<>\\=", c, 8) || (c == ' ' && edge) || (c == '#' && i == 0))
            writer_u8(out, '\\');
        writer_u8(out, c);
    }
}

/* Puts one value together; `several` is the number of the value of the part that has many. */
static void put_value(const struct fill *fill, size_t several, struct writer *out)
{
    const struct find_node *node = fill->node;

    for (size_t i = 0; i < node->n_parts; i++) {
        struct bytes value;

        if (!node->parts[i].is_reference) {
            writer_put(out, node->parts[i].literal);
            continue;
        }
        value = fill->values[i].at[i == node->many ? several : 0];
        if (node->is_dn && node->n_parts > 1)
            put_escaped(value, out);
        else
            writer_put(out, value);
    }
}

/* Where the stars cut the one value. */
static void cut_pieces(const struct fill *fill, struct filled *filled)
{
    const uint8_t *at = filled->at[0].at;
    size_t len = 0;

    for (size_t i = 0; i <= fill->node->n_parts; i++) {
        if (i < fill->node->n_parts && !fill->node->parts[i].star) {
            len += fill->node->parts[i].is_reference ? fill->values[i].at[0].len
                                                     : fill->node->parts[i].literal.len;
            continue;
        }
        if (len > 0)
            filled->pieces[filled->n_pieces++] = (struct bytes){at, len};
        at += len;
        len = 0;
    }
}

static bool put_all(const struct fill *fill, size_t n, struct filled *filled, struct error *err)
{
    for (size_t several = 0; several < n; several++) {
        struct writer out = writer_new(FIND_VALUE_MAX);
        size_t len;
        uint8_t *octets;

        put_value(fill, several, &out);
        octets = writer_take(&out, &len);
        if (!octets)
            return err_set(err, REASON_BAD_ENCODING, "%s: too long", fill->node->attribute);
        filled->at[filled->n++] = (struct bytes){octets, len};
    }
    return true;
}

/* The values of each reference; *ret_n: of the one that may have several. */
static bool read_values(struct fill *fill, const struct identity *identity, size_t *ret_n,
                        struct error *err)
{
    size_t n = 1;

    for (size_t i = 0; i < fill->node->n_parts; i++) {
        const struct find_part *part = &fill->node->parts[i];

        if (!part->is_reference)
            continue;
        if (!mapping_values_of(&part->reference, identity, &fill->values[i], err))
            return false;
        if (fill->values[i].n == 0)
            return err_set(err, REASON_NO_VALUE, "%s", mapping_reference_name(&part->reference));
        if (i == fill->node->many)
            n = fill->values[i].n;
    }
    *ret_n = n;
    return true;
}

static void clear_values(struct fill *fill)
{
    for (size_t i = 0; i < fill->node->n_parts; i++)
        if (fill->node->parts[i].is_reference)
            mapping_values_clear(&fill->values[i]);
}

static bool fill_node(const struct find_node *node, const struct identity *identity,
                      struct filled *filled, struct error *err)
{
    struct fill fill = {.node = node};
    size_t n;
    bool good;

    good = read_values(&fill, identity, &n, err) && put_all(&fill, n, filled, err);
    filled->all =
        node->many < FIND_PARTS_MAX && node->parts[node->many].reference.many == MAPPING_ALL;
    if (good && node->kind == FIND_SUBSTRING)
        cut_pieces(&fill, filled);
    clear_values(&fill);
    return good;
}

bool find_fill(const struct mapping_find *find, const struct identity *identity,
               struct filled **ret_filled, struct error *err)
{
    struct filled *filled = xcalloc(find->n_nodes, sizeof(*filled));

    for (size_t i = 0; i < find->n_nodes; i++) {
        enum find_kind kind = find->nodes[i].kind;

        if ((kind != FIND_TEST && kind != FIND_SUBSTRING) ||
            fill_node(&find->nodes[i], identity, &filled[i], err))
            continue;
        find_filled_free(filled, find);
        return false;
    }
    *ret_filled = filled;
    return true;
}

void find_filled_free(struct filled *filled, const struct mapping_find *find)
{
    for (size_t i = 0; i < find->n_nodes; i++)
        for (size_t k = 0; k < filled[i].n; k++)
            free((void *)filled[i].at[k].at);
    free(filled);
}
