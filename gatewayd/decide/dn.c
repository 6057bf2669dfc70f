/*
 * Distinguished names. The text is for people, records and the comparison with configured values;
 * two names are only ever equal by their DER.
 */
#include "gatewayd/decide/dn.h"

#include "gatewayd/decide/oids.h"

/* RFC 4514 section 3, and the descriptors of RFC 4519 and RFC 2985 that everybody writes. */
static const struct {
    struct bytes oid;
    const char *name; /* NULL: 1.2.3=#hex */
} types[] = {
#define DN_TYPE(name_, oid_, text_, help_) {OID(oid_), text_},
#include "gatewayd/decide/dn_types.h"
#undef DN_TYPE
};

enum {
    RDNS_MAX = 128,        /* relative names of one name; more are malformed; our choice */
    NAME_VALUE_MAX = 4096, /* octets of one value as UTF-8; longer than any text may be */
};

struct dn_walk dn_walk(struct bytes content)
{
    return (struct dn_walk){.names = reader_over(content), .set = reader_over((struct bytes){0})};
}

bool dn_walk_ok(const struct dn_walk *walk)
{
    return reader_ok(&walk->names) && reader_ok(&walk->set);
}

/* Moves on to the next relative name, which must not be empty. */
static void next_name(struct dn_walk *walk)
{
    struct reader count;

    walk->set = reader_over(der_expect(&walk->names, DER_SET).content);
    count = walk->set;
    (void)der_next(&count);
    if (!reader_ok(&count))
        reader_break(&walk->names);
    walk->shared = reader_left(&count) > 0;
    walk->first = true;
    walk->position++;
}

bool dn_next(struct dn_walk *walk, struct dn_component *ret_component)
{
    struct reader pair;

    if (!dn_walk_ok(walk))
        return false;
    if (reader_left(&walk->set) == 0) {
        if (reader_left(&walk->names) == 0)
            return false;
        next_name(walk);
    }
    pair = reader_over(der_expect(&walk->set, DER_SEQUENCE).content);
    ret_component->oid = der_expect(&pair, DER_OID).content;
    ret_component->value = der_next(&pair);
    if (!reader_done(&pair) || !der_oid_is_good(ret_component->oid)) {
        reader_break(&walk->names);
        return false;
    }
    ret_component->position = walk->position;
    ret_component->first = walk->first;
    ret_component->shared = walk->shared;
    walk->first = false;
    return dn_walk_ok(walk);
}

static const char *short_name(struct bytes oid)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (bytes_equal(types[i].oid, oid))
            return types[i].name;
    return NULL;
}

/* RFC 4514 2.4, but a NUL stays what it is: whoever uses the text refuses it (text_is_clean). */
static void escaped(struct bytes text, struct writer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool edge_space = c == ' ' && (i == 0 || i == text.len - 1);

        if (edge_space || (c == '#' && i == 0) || (c && strchr("\"+,;<>\\", c)))
            writer_u8(out, '\\');
        writer_u8(out, c);
    }
}

/* "1.2.3=#hex" for types without a name. */
static bool unknown_text(const struct dn_component *component, struct writer *out)
{
    char oid[DER_OID_TEXT_MAX];

    if (!der_oid_text(component->oid, oid))
        return false;
    writer_text(out, oid);
    writer_text(out, "=#");
    der_put_hex(component->value.whole, out);
    return true;
}

static bool component_text(const struct dn_component *component, struct writer *scratch,
                           struct writer *out)
{
    const char *name = short_name(component->oid);

    if (!name)
        return unknown_text(component, out);
    writer_text(out, name);
    writer_u8(out, '=');
    writer_reset(scratch);
    if (!der_string(component->value.tag, component->value.content, scratch) || !writer_ok(scratch))
        return false;
    escaped(writer_bytes(scratch), out);
    return true;
}

/* The components of one relative name, joined by "+" in the order of the DER. */
static bool relative_text(struct bytes set, struct writer *scratch, struct writer *out)
{
    struct dn_walk walk = dn_walk(set);
    struct dn_component component;

    while (dn_next(&walk, &component)) {
        if (!component.first)
            writer_u8(out, '+');
        if (!component_text(&component, scratch, out))
            return false;
    }
    return dn_walk_ok(&walk);
}

bool dn_text(struct bytes content, struct writer *out)
{
    AUTO(writer_clear) struct writer scratch = writer_new(NAME_VALUE_MAX);
    struct reader r = reader_over(content);
    struct bytes names[RDNS_MAX];
    size_t n = 0;

    while (reader_left(&r) > 0 && n < RDNS_MAX)
        names[n++] = der_expect(&r, DER_SET).whole;
    if (!reader_done(&r))
        return false;
    for (size_t i = n; i-- > 0;) {
        if (!relative_text(names[i], &scratch, out))
            return false;
        if (i > 0)
            writer_u8(out, ',');
    }
    return true;
}
