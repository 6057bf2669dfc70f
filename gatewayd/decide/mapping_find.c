/*
 * Finds: the filter is a small tree whose leaves ask the replica. Parsed strictly (RFC 4515) at
 * load from the trusted configuration, or from a filter that a certmap rule has expanded, which is
 * not trusted; used by decide and gatewayctl. mapping_find_check.c looks at the meaning.
 */
#include "gatewayd/decide/mapping_find_tree.h"

#include "common/reader.h"
#include "common/text.h"
#include "gatewayd/shared/xalloc.h"
#include "ldap/schemas.h"

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

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_character(uint8_t c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == ';' || c == '.';
}

/* A name with no option but ";binary": others and dotted ones are other attributes for a replica.
 */
static bool check_attribute(struct parse *p, struct bytes name)
{
    const uint8_t *option = memchr(name.at, ';', name.len);
    size_t len = option ? (size_t)(name.at + name.len - option) : 0;

    if (!is_letter(name.at[0]) || memchr(name.at, '.', name.len))
        return refuse(p, "no attribute name (dotted ones are not known)");
    if (option && !text_equal_nocase((struct bytes){option, len}, bytes_of(";binary")))
        return refuse(p, "an attribute option that is not ;binary");
    return true;
}

/* attribute "=": anything but a test for equality, presence or parts stops here. */
static bool parse_attribute(struct parse *p, struct find_node *node)
{
    const uint8_t *start = p->r.at;
    size_t len = 0;

    if (peek(p) == '{')
        return refuse(p, "a value of the certificate as attribute name");
    while (is_name_character(peek(p))) {
        (void)reader_u8(&p->r);
        len++;
    }
    if (len == 0 || len >= REPLICA_ATTRIBUTE_MAX || peek(p) != '=')
        return refuse(p, "no equality test (attribute=value)");
    if (!check_attribute(p, (struct bytes){start, len}))
        return false;
    (void)reader_u8(&p->r);
    node->attribute = xtext((struct bytes){start, len});
    node->is_dn = attribute_match_of(node->attribute) == MATCH_DN ||
                  attribute_match_of(node->attribute) == MATCH_DN_UID;
    return true;
}

static struct find_part *add_part(struct parse *p, struct find_node *node)
{
    if (node->n_parts < FIND_PARTS_MAX)
        return &node->parts[node->n_parts++];
    (void)refuse(p, "too many parts in one value");
    return NULL;
}

/* The literal octets gathered so far become a part. */
static bool add_literal(struct parse *p, struct find_node *node, struct writer *literal)
{
    struct bytes octets = writer_bytes(literal);
    struct find_part *part;

    if (octets.len == 0)
        return true;
    part = add_part(p, node);
    if (part)
        part->literal = xbytes(octets);
    writer_reset(literal);
    return part != NULL;
}

static bool add_star(struct parse *p, struct find_node *node)
{
    bool first = node->n_parts == 0;
    struct find_part *part;

    (void)reader_u8(&p->r);
    if (first && peek(p) == ')') {
        node->kind = FIND_PRESENT;
        return true;
    }
    if (!(p->find->flags & MAPPING_FIND_SUBSTRING))
        return refuse(p, "a wildcard (allow_substring = \"yes\" permits it) before");
    if (!first && node->parts[node->n_parts - 1].star)
        return refuse(p, "a second wildcard before");
    part = add_part(p, node);
    if (part)
        part->star = true;
    node->kind = FIND_SUBSTRING;
    return part != NULL;
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
    part = add_part(p, node);
    if (!part)
        return false;
    if (!mapping_reference_parse((struct bytes){start, (size_t)(end - start)}, &part->reference,
                                 p->err))
        return err_in(p->err, "find");
    part->is_reference = true;
    if (part->reference.many != MAPPING_ONLY || part->reference.ad) {
        if (node->many != FIND_PARTS_MAX)
            return refuse(p, "more than one !any or !all in one value");
        node->many = node->n_parts - 1;
    }
    (void)reader_take(&p->r, (size_t)(end - start) + 1);
    return true;
}

/* One character of a literal value (RFC 4515 3: `\xx` for what is special). */
static bool literal_character(struct parse *p, struct writer *out)
{
    bool literal = p->find->flags & MAPPING_FIND_LITERAL;
    uint8_t c = reader_u8(&p->r), octet[1];
    struct bytes digits;
    size_t len;

    if (c == '(' || (c == '}' && !literal) || c == 0)
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
    bool references = !(p->find->flags & MAPPING_FIND_LITERAL);

    while (reader_left(&p->r) > 0 && peek(p) != ')') {
        bool reference = references && peek(p) == '{';
        bool star = peek(p) == '*';

        if (!reference && !star) {
            if (!literal_character(p, &literal))
                return false;
            continue;
        }
        if (!add_literal(p, node, &literal) || !(star ? add_star(p, node) : add_reference(p, node)))
            return false;
    }
    if (!add_literal(p, node, &literal))
        return false;
    if (node->n_parts == 0 && node->kind != FIND_PRESENT)
        return refuse(p, "an empty value");
    return true;
}

static bool parse_node(struct parse *p, size_t depth);

static bool parse_children(struct parse *p, struct find_node *node, size_t depth)
{
    uint8_t word = reader_u8(&p->r);

    node->kind = word == '&' ? FIND_AND : word == '|' ? FIND_OR : FIND_NOT;
    if (peek(p) != '(')
        return refuse(p, "nothing to join");
    if (node->kind == FIND_NOT)
        return parse_node(p, depth + 1);
    while (peek(p) == '(')
        if (!parse_node(p, depth + 1))
            return false;
    return true;
}

/* filter := "(" ( ("&" / "|") 1*filter / "!" filter / attribute "=" value ) ")" */
static bool parse_node(struct parse *p, size_t depth)
{
    struct find_node *node;
    uint8_t word;

    if (depth > FIND_DEPTH_MAX || p->find->n_nodes == FIND_NODES_MAX)
        return refuse(p, "too deep or too long");
    if (peek(p) != '(')
        return refuse(p, "no opening parenthesis");
    (void)reader_u8(&p->r);
    node = &p->find->nodes[p->find->n_nodes++];
    node->many = FIND_PARTS_MAX;
    word = peek(p);
    if (word == '&' || word == '|' || word == '!') {
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

bool mapping_find_compile(struct bytes text, unsigned flags, struct mapping_find **ret_find,
                          struct error *err)
{
    AUTO(mapping_find_freep) struct mapping_find *find = xcalloc(1, sizeof(*find));
    struct parse p = {.find = find, .r = reader_over(text), .text = text, .err = err};

    find->flags = flags;
    if (!text_is_clean(text))
        return err_set(err, REASON_CONFIG_VALUE, "find: control characters or malformed UTF-8");
    if (!parse_node(&p, 0))
        return false;
    if (reader_left(&p.r) > 0)
        return refuse(&p, "something behind the filter");
    if (!find_check(find, err))
        return err_in(err, "find %.*s", (int)(text.len < 120 ? text.len : 120),
                      (const char *)text.at);
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
