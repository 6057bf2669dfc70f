/*
 * What a well-formed filter may still not say: tests that the replica cannot answer exactly, and
 * tests that something missing would meet. Runs at load (and per certificate for certmap rules);
 * trusts the parser.
 */
#include "gatewayd/decide/mapping_find_tree.h"

#include "common/text.h"
#include "ldap/dn.h"

enum { SAMPLE_MAX = 4096 };

static bool refuse(struct error *err, const struct find_node *node, const char *what)
{
    return err_set(err, REASON_CONFIG_VALUE, "(%s=...): %s", node->attribute, what);
}

/* Whether every entry that fits has the value of some equality test: the indexes answer those. */
static bool is_indexed(const struct mapping_find *find, size_t i)
{
    const struct find_node *node = &find->nodes[i];

    if (node->kind != FIND_AND && node->kind != FIND_OR)
        return node->kind == FIND_TEST;
    for (size_t child = i + 1; child < node->next; child = find->nodes[child].next)
        if (is_indexed(find, child) == (node->kind == FIND_AND))
            return node->kind == FIND_AND;
    return node->kind == FIND_OR;
}

/* --- negations -------------------------------------------------------------------------------- */

/* ";binary" is a way to transfer a value, not another attribute. */
static bool is_same(const char *a, const char *b)
{
    return text_equal_nocase((struct bytes){(const uint8_t *)a, strcspn(a, ";")},
                             (struct bytes){(const uint8_t *)b, strcspn(b, ";")});
}

/* Whether an AND above node i also asks for the attribute to be there. */
static bool is_guarded(const struct mapping_find *find, size_t i, const char *attribute)
{
    for (size_t above = 0; above < i; above++) {
        if (find->nodes[above].kind != FIND_AND || find->nodes[above].next <= i)
            continue;
        for (size_t child = above + 1; child < find->nodes[above].next;
             child = find->nodes[child].next) {
            const struct find_node *node = &find->nodes[child];

            if ((node->kind == FIND_PRESENT || node->kind == FIND_TEST) &&
                is_same(node->attribute, attribute))
                return true;
        }
    }
    return false;
}

static bool check_negation(const struct mapping_find *find, size_t i, struct error *err)
{
    for (size_t below = i + 1; below < find->nodes[i].next; below++) {
        const struct find_node *node = &find->nodes[below];

        if (node->kind == FIND_NOT)
            return err_set(err, REASON_CONFIG_VALUE, "a negation in a negation");
        if (node->kind == FIND_PRESENT)
            return refuse(err, node, "what is missing may not help: no negation of presence");
        if ((node->kind == FIND_TEST || node->kind == FIND_SUBSTRING) &&
            !is_guarded(find, i, node->attribute))
            return err_set(
                err, REASON_CONFIG_VALUE,
                "an entry without %s would meet the negation; write (&(%s=*)(!(%s=...)))",
                node->attribute, node->attribute, node->attribute);
    }
    return true;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool is_name(const struct attribute *attribute)
{
    return attribute && attribute->kind == ATTRIBUTE_NAME;
}

/*
 * Text around a value in a distinguished name: whatever the value is, it must be part of one
 * component's value. The sample is what a comma becomes there; as a type it would be malformed.
 */
static bool check_dn(const struct find_node *node, struct error *err)
{
    AUTO(writer_clear) struct writer sample = writer_new(SAMPLE_MAX);
    struct dn dn;

    if (node->n_parts == 1 && node->parts[0].is_reference)
        return is_name(node->parts[0].reference.attribute) ||
               refuse(err, node, "the whole value must be a distinguished name of the certificate");
    for (size_t i = 0; i < node->n_parts; i++) {
        if (!node->parts[i].is_reference)
            writer_put(&sample, node->parts[i].literal);
        else if (is_name(node->parts[i].reference.attribute))
            return refuse(err, node, "a distinguished name inside of another");
        else
            writer_text(&sample, "a\\,b");
    }
    return dn_normalise(writer_bytes(&sample), &dn) ||
           refuse(err, node,
                  "a distinguished name with certificate values only as values is needed");
}

static bool check_parts(const struct find_node *node, struct error *err)
{
    for (size_t i = 0; i < node->n_parts; i++) {
        const struct find_part *part = &node->parts[i];
        struct bytes literal = part->literal;

        if (part->is_reference && node->n_parts > 1 &&
            mapping_reference_is_binary(&part->reference))
            return refuse(err, node, "the certificate must be the whole value");
        if (node->kind != FIND_SUBSTRING)
            continue;
        if (part->is_reference && (part->reference.ad || part->reference.many != MAPPING_ONLY))
            return refuse(err, node, "!any, !all and ad.* have no wildcards");
        if (literal.len && (literal.at[0] == ' ' || literal.at[literal.len - 1] == ' '))
            return refuse(err, node, "a space beside a wildcard or a value");
    }
    return true;
}

/* A value that no entry can have is a mistake. */
static bool check_literal(const struct find_node *node, struct error *err)
{
    AUTO(writer_clear) struct writer scratch = writer_new(REPLICA_VALUE_MAX);
    struct bytes folded;

    if (node->kind != FIND_TEST || node->n_parts != 1 || node->parts[0].is_reference)
        return true;
    return value_fold(attribute_match_of(node->attribute), node->parts[0].literal, &scratch,
                      &folded) ||
           refuse(err, node, "no entry can have that value");
}

static bool check_node(const struct mapping_find *find, size_t i, struct error *err)
{
    const struct find_node *node = &find->nodes[i];
    enum attribute_match match;

    if (node->kind == FIND_NOT)
        return (find->flags & MAPPING_FIND_LITERAL) || check_negation(find, i, err);
    if (node->kind != FIND_TEST && node->kind != FIND_SUBSTRING)
        return true;
    match = attribute_match_of(node->attribute);
    if (node->kind == FIND_SUBSTRING && match != MATCH_CASE_IGNORE && match != MATCH_EXACT)
        return refuse(err, node, "names and numbers have no parts to compare");
    if (!check_parts(node, err))
        return false;
    if (find->flags & MAPPING_FIND_LITERAL)
        return true;
    return (!node->is_dn || check_dn(node, err)) && check_literal(node, err);
}

bool find_check(const struct mapping_find *find, struct error *err)
{
    for (size_t i = 0; i < find->n_nodes; i++)
        if (!check_node(find, i, err))
            return false;
    if (!(find->flags & MAPPING_FIND_CONDITION) && !is_indexed(find, 0))
        return err_set(err, REASON_CONFIG_VALUE,
                       "some way through it has no equality test (attribute=value), so that all "
                       "entries would have to be searched");
    return true;
}
