/*
 * Finds: the filter is a small tree whose leaves ask the replica for equal values. Parsed at load
 * from the trusted configuration, run with values of certificates by decide and gatewayctl.
 */
#include "gatewayd/decide/mapping_find_tree.h"

#include "common/reader.h"
#include "common/text.h"
#include "gatewayd/shared/xalloc.h"

/* What the parser works on. */
struct parse {
    struct mapping_find *find;
    struct reader r;
    struct bytes text;
    struct error *err;
};

static bool refuse(struct parse *p, const char *what)
{
    size_t at = p->text.len - reader_left(&p->r);

    return err_set(p->err, REASON_CONFIG_VALUE, "find: %s at character %zu of %.*s", what, at + 1,
                   (int)p->text.len, (const char *)p->text.at);
}

static uint8_t peek(const struct parse *p)
{
    return reader_left(&p->r) > 0 ? *p->r.at : 0;
}

static bool is_name_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == ';' || c == '.';
}

/* attribute "=": anything but an equality test stops here. */
static bool parse_attribute(struct parse *p, struct find_node *node)
{
    const uint8_t *start = p->r.at;
    size_t len = 0;

    while (is_name_character(peek(p))) {
        (void)reader_u8(&p->r);
        len++;
    }
    if (len == 0 || len > REPLICA_ATTRIBUTE_MAX || peek(p) != '=')
        return refuse(p, "no equality test (attribute=value)");
    (void)reader_u8(&p->r);
    node->attribute = xtext((struct bytes){start, len});
    return true;
}

static bool add_literal(struct parse *p, struct find_node *node, struct bytes octets)
{
    if (octets.len == 0)
        return true;
    if (node->n_parts == FIND_PARTS_MAX)
        return refuse(p, "too many parts in one value");
    node->parts[node->n_parts++].literal = xbytes(octets);
    return true;
}

static bool add_reference(struct parse *p, struct find_node *node)
{
    const uint8_t *start, *end;
    struct find_part *part;

    (void)reader_u8(&p->r); /* the brace */
    start = p->r.at;
    end = memchr(start, '}', reader_left(&p->r));
    if (!end)
        return refuse(p, "no closing brace");
    if (node->n_parts == FIND_PARTS_MAX)
        return refuse(p, "too many parts in one value");
    part = &node->parts[node->n_parts];
    if (!mapping_reference_parse((struct bytes){start, (size_t)(end - start)}, &part->reference,
                                 p->err))
        return err_in(p->err, "find");
    if (part->reference.many != MAPPING_ONLY) {
        if (node->many != FIND_PARTS_MAX)
            return refuse(p, "more than one !any or !all in one value");
        node->many = node->n_parts;
    }
    node->n_parts++;
    (void)reader_take(&p->r, (size_t)(end - start) + 1);
    return true;
}

/* One character of a literal value (RFC 4515 3: `\xx` for what is special). */
static bool literal_character(struct parse *p, struct writer *out)
{
    uint8_t c = reader_u8(&p->r), octet[1];
    struct bytes digits;
    size_t len;

    if (c == '*')
        return refuse(p, "a wildcard");
    if (c == '(' || c == '}' || c == 0)
        return refuse(p, "a special character (write \\xx)");
    if (c != '\\') {
        writer_u8(out, c);
        return true;
    }
    digits = reader_take(&p->r, 2);
    if (digits.len != 2 || !text_unhex(digits, octet, &len))
        return refuse(p, "no two hex digits behind the backslash");
    writer_u8(out, octet[0]);
    return true;
}

static bool parse_value(struct parse *p, struct find_node *node)
{
    AUTO(writer_clear) struct writer literal = writer_new(p->text.len);

    while (reader_left(&p->r) > 0 && peek(p) != ')') {
        if (peek(p) != '{') {
            if (!literal_character(p, &literal))
                return false;
            continue;
        }
        if (!add_literal(p, node, writer_bytes(&literal)) || !add_reference(p, node))
            return false;
        writer_reset(&literal);
    }
    if (!add_literal(p, node, writer_bytes(&literal)))
        return false;
    if (node->n_parts == 0)
        return refuse(p, "an empty value");
    for (size_t i = 0; i < node->n_parts && node->n_parts > 1; i++)
        if (node->parts[i].reference.attribute && node->parts[i].reference.attribute->binary)
            return refuse(p, "the certificate must be the whole value");
    return true;
}

static bool parse_node(struct parse *p, size_t depth);

static bool parse_children(struct parse *p, struct find_node *node, size_t depth)
{
    node->kind = reader_u8(&p->r) == '&' ? FIND_AND : FIND_OR;
    if (peek(p) != '(')
        return refuse(p, "nothing to join");
    while (peek(p) == '(')
        if (!parse_node(p, depth + 1))
            return false;
    return true;
}

/* filter := "(" ( ("&" / "|") 1*filter / attribute "=" value ) ")" */
static bool parse_node(struct parse *p, size_t depth)
{
    struct find_node *node;

    if (depth > FIND_DEPTH_MAX || p->find->n_nodes == FIND_NODES_MAX)
        return refuse(p, "too deep or too long");
    if (peek(p) != '(')
        return refuse(p, "no opening parenthesis");
    (void)reader_u8(&p->r);
    node = &p->find->nodes[p->find->n_nodes++];
    node->many = FIND_PARTS_MAX;
    if (peek(p) == '!')
        return refuse(p, "a negation");
    if (peek(p) == '&' || peek(p) == '|') {
        if (!parse_children(p, node, depth))
            return false;
    } else if (!parse_attribute(p, node) || !parse_value(p, node)) {
        return false;
    }
    if (peek(p) != ')')
        return refuse(p, "no closing parenthesis");
    (void)reader_u8(&p->r);
    node->next = p->find->n_nodes;
    return true;
}

bool mapping_find_compile(struct bytes text, struct mapping_find **ret_find, struct error *err)
{
    AUTO(mapping_find_freep) struct mapping_find *find = xcalloc(1, sizeof(*find));
    struct parse p = {.find = find, .r = reader_over(text), .text = text, .err = err};

    if (!parse_node(&p, 0))
        return false;
    if (reader_left(&p.r) > 0)
        return refuse(&p, "something behind the filter");
    *ret_find = STEAL(find);
    return true;
}

struct mapping_find *mapping_find_free(struct mapping_find *find)
{
    if (!find)
        return NULL;
    for (size_t i = 0; i < find->n_nodes; i++) {
        free(find->nodes[i].attribute);
        for (size_t k = 0; k < find->nodes[i].n_parts; k++)
            free((void *)find->nodes[i].parts[k].literal.at);
    }
    free(find);
    return NULL;
}

/* --- strength: bit 0 the issuer is tested, bit 1 the serial; the certificate itself is both ----
 */

enum { HALF_ISSUER = 1, HALF_SERIAL = 2, WHOLE = 3 };

static unsigned test_strength(const struct find_node *node)
{
    unsigned bits = 0;

    for (size_t i = 0; i < node->n_parts; i++) {
        const struct attribute *attribute = node->parts[i].reference.attribute;

        if (!attribute || attribute->strength == ATTRIBUTE_WEAK)
            continue;
        if (attribute->strength == ATTRIBUTE_STRONG)
            bits |= WHOLE;
        else
            bits |= attribute->field == ATTRIBUTE_FIELD_ISSUER ? HALF_ISSUER : HALF_SERIAL;
    }
    return bits;
}

static unsigned node_strength(const struct mapping_find *find, size_t i)
{
    const struct find_node *node = &find->nodes[i];
    unsigned bits = node->kind == FIND_OR ? WHOLE : 0;

    if (node->kind == FIND_TEST)
        return test_strength(node);
    for (size_t child = i + 1; child < node->next; child = find->nodes[child].next) {
        if (node->kind == FIND_OR)
            bits &= node_strength(find, child);
        else
            bits |= node_strength(find, child);
    }
    return bits;
}

enum attribute_strength mapping_find_strength(const struct mapping_find *find)
{
    return node_strength(find, 0) == WHOLE ? ATTRIBUTE_STRONG : ATTRIBUTE_WEAK;
}
