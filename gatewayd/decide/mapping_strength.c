/*
 * Strength of rules, by the table of attributes and what the authorities promise. Computed at load;
 * used by decide, gatewayctl identity and check. Nothing unknown is strong.
 */
#include "gatewayd/decide/mapping_strength.h"

#include "gatewayd/decide/mapping_find_tree.h"

/* bit 0: the issuer is compared, bit 1: the serial; the certificate or its key is both. */
enum { HALF_ISSUER = 1, HALF_SERIAL = 2, WHOLE = 3 };

enum promise { PROMISE_NONE, PROMISE_SKI, PROMISE_SAN, PROMISE_TRUST_DOMAIN };

/* Attributes that are as strong as what their authority promises, and weak without. */
static const struct {
    const char *name;
    enum promise promise;
} conditional[] = {
    {"ski", PROMISE_SKI},
    {"ad.ski", PROMISE_SKI},
    {"sid_uri", PROMISE_SAN},
    {"spiffe_id", PROMISE_TRUST_DOMAIN},
};

static bool is_promised(const struct mapping_promises *promises, enum promise promise)
{
    switch (promise) {
    case PROMISE_SKI:
        return promises->ski_computed;
    case PROMISE_SAN:
        return promises->san_authoritative;
    case PROMISE_TRUST_DOMAIN:
        return promises->trust_domain;
    case PROMISE_NONE:
        break;
    }
    return false;
}

static unsigned reference_bits(const struct mapping_reference *reference,
                               const struct mapping_promises *promises)
{
    const char *name = mapping_reference_name(reference);
    enum attribute_strength strength =
        reference->ad ? reference->ad->strength : reference->attribute->strength;

    for (size_t i = 0; i < ARRAY_LEN(conditional); i++)
        if (strcmp(conditional[i].name, name) == 0)
            return is_promised(promises, conditional[i].promise) ? WHOLE : 0;
    if (strength == ATTRIBUTE_STRONG)
        return WHOLE;
    if (strength == ATTRIBUTE_WEAK || !reference->attribute)
        return 0;
    return reference->attribute->field == ATTRIBUTE_FIELD_ISSUER ? HALF_ISSUER : HALF_SERIAL;
}

/*
 * Issuer and serial count in one value only: an entry with two certificates in two attributes also
 * has the issuer of the one and the serial of the other.
 */
static bool test_is_strong(const struct find_node *node, const struct mapping_promises *promises)
{
    unsigned bits = 0;

    for (size_t i = 0; i < node->n_parts; i++)
        if (node->parts[i].is_reference)
            bits |= reference_bits(&node->parts[i].reference, promises);
    return bits == WHOLE;
}

static bool node_is_strong(const struct mapping_find *find, size_t i,
                           const struct mapping_promises *promises)
{
    const struct find_node *node = &find->nodes[i];

    if (node->kind == FIND_TEST)
        return test_is_strong(node, promises);
    if (node->kind != FIND_AND && node->kind != FIND_OR)
        return false;
    for (size_t child = i + 1; child < node->next; child = find->nodes[child].next)
        if (node_is_strong(find, child, promises) == (node->kind == FIND_AND))
            return node->kind == FIND_AND;
    return node->kind == FIND_OR;
}

bool mapping_find_is_strong(const struct mapping_find *find,
                            const struct mapping_promises *promises)
{
    return node_is_strong(find, 0, promises);
}

bool mapping_find_is_fixed(const struct mapping_find *find, const struct mapping_promises *promises)
{
    for (size_t i = 0; i < find->n_nodes; i++) {
        bool references = false;

        for (size_t k = 0; k < find->nodes[i].n_parts; k++)
            references = references || find->nodes[i].parts[k].is_reference;
        if (references && !test_is_strong(&find->nodes[i], promises))
            return false;
    }
    return true;
}

bool mapping_matches_are_strong(struct mapping_match *const *matches, size_t n,
                                const struct mapping_promises *promises)
{
    unsigned bits = 0;

    for (size_t i = 0; i < n; i++) {
        const struct mapping_reference *reference = mapping_match_pins(matches[i]);
        unsigned one = reference ? reference_bits(reference, promises) : 0;

        if (one == WHOLE)
            return true;
        bits |= one;
    }
    return bits == WHOLE;
}

bool mapping_find_reads(const struct mapping_find *find, const char *attribute)
{
    for (size_t i = 0; i < find->n_nodes; i++)
        for (size_t k = 0; k < find->nodes[i].n_parts; k++)
            if (find->nodes[i].parts[k].is_reference &&
                strcmp(mapping_reference_name(&find->nodes[i].parts[k].reference), attribute) == 0)
                return true;
    return false;
}
