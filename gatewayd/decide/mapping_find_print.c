/*
 * A find with its values as text (RFC 4515), for people: `gatewayctl identity map --explain` and
 * records. The command line and decide run it; nothing ever parses what it writes.
 */
#include "gatewayd/decide/mapping_find_tree.h"

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

static void print_pieces(const struct find_node *node, const struct filled *filled,
                         struct writer *out)
{
    bool star = node->parts[0].star;

    writer_printf(out, "(%s=", node->attribute);
    for (size_t i = 0; i < filled->n_pieces; i++) {
        writer_text(out, star || i > 0 ? "*" : "");
        print_value(filled->pieces[i], out);
    }
    writer_text(out, node->parts[node->n_parts - 1].star ? "*)" : ")");
}

static void print_node(const struct mapping_find *find, const struct filled *filled, size_t i,
                       struct writer *out)
{
    static const char *const words[] = {[FIND_AND] = "(&", [FIND_OR] = "(|", [FIND_NOT] = "(!"};
    const struct find_node *node = &find->nodes[i];

    switch (node->kind) {
    case FIND_TEST:
        print_test(node, &filled[i], out);
        return;
    case FIND_SUBSTRING:
        print_pieces(node, &filled[i], out);
        return;
    case FIND_PRESENT:
        writer_printf(out, "(%s=*)", node->attribute);
        return;
    case FIND_AND:
    case FIND_OR:
    case FIND_NOT:
        break;
    }
    writer_text(out, words[node->kind]);
    for (size_t child = i + 1; child < node->next; child = find->nodes[child].next)
        print_node(find, filled, child, out);
    writer_u8(out, ')');
}

bool mapping_find_print(const struct mapping_find *find, const struct identity *identity,
                        struct writer *out, struct error *err)
{
    struct filled *filled;

    if (!find_fill(find, identity, &filled, err))
        return false;
    print_node(find, filled, 0, out);
    find_filled_free(filled, find);
    return true;
}
