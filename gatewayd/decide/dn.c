/*
 * Distinguished names. The text is for people, records and the comparison with configured values;
 * two names are only ever equal by their DER.
 */
#include "gatewayd/decide/dn.h"

#include "common/text.h"

/* RFC 4514 section 3, and the one everybody writes by its name (RFC 2985 5.2.1). */
static const struct {
    const char *oid, *name;
} short_names[] = {
    {"2.5.4.3", "CN"},
    {"2.5.4.7", "L"},
    {"2.5.4.8", "ST"},
    {"2.5.4.10", "O"},
    {"2.5.4.11", "OU"},
    {"2.5.4.6", "C"},
    {"2.5.4.9", "STREET"},
    {"0.9.2342.19200300.100.1.25", "DC"},
    {"0.9.2342.19200300.100.1.1", "UID"},
    {"1.2.840.113549.1.9.1", "emailAddress"},
    {"2.5.4.5", "serialNumber"},
};

enum { RDNS_MAX = 128, NAME_VALUE_MAX = 4096 };

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
}

bool dn_next(struct dn_walk *walk, struct dn_component *ret_component)
{
    struct reader pair;
    struct der oid;

    if (!dn_walk_ok(walk))
        return false;
    if (reader_left(&walk->set) == 0) {
        if (reader_left(&walk->names) == 0)
            return false;
        next_name(walk);
    }
    pair = reader_over(der_expect(&walk->set, DER_SEQUENCE).content);
    oid = der_expect(&pair, DER_OID);
    ret_component->value = der_next(&pair);
    if (!reader_done(&pair) || !der_oid_text(oid.content, ret_component->oid)) {
        reader_break(&walk->names);
        return false;
    }
    ret_component->first = walk->first;
    ret_component->shared = walk->shared;
    walk->first = false;
    return dn_walk_ok(walk);
}

static const char *short_name(const char *oid)
{
    for (size_t i = 0; i < ARRAY_LEN(short_names); i++)
        if (strcmp(short_names[i].oid, oid) == 0)
            return short_names[i].name;
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

static void hex(struct bytes octets, struct writer *out)
{
    writer_u8(out, '#');
    for (size_t i = 0; i < octets.len; i++)
        writer_printf(out, "%02x", octets.at[i]);
}

static bool component_text(const struct dn_component *component, struct writer *out)
{
    const char *name = short_name(component->oid);
    AUTO(writer_clear) struct writer value = writer_new(NAME_VALUE_MAX);

    writer_text(out, name ? name : component->oid);
    writer_u8(out, '=');
    if (!name) {
        hex(component->value.whole, out);
        return true;
    }
    if (!der_string(component->value.tag, component->value.content, &value) || !writer_ok(&value))
        return false;
    escaped(writer_bytes(&value), out);
    return true;
}

/* The components of one relative name, joined by "+" in the order of the DER. */
static bool relative_text(struct bytes set, struct writer *out)
{
    struct dn_walk walk = dn_walk(set);
    struct dn_component component;

    while (dn_next(&walk, &component)) {
        if (!component.first)
            writer_u8(out, '+');
        if (!component_text(&component, out))
            return false;
    }
    return dn_walk_ok(&walk);
}

bool dn_text(struct bytes content, struct writer *out)
{
    struct reader r = reader_over(content);
    struct bytes names[RDNS_MAX];
    size_t n = 0;

    while (reader_left(&r) > 0 && n < RDNS_MAX)
        names[n++] = der_expect(&r, DER_SET).whole;
    if (!reader_done(&r))
        return false;
    for (size_t i = n; i-- > 0;) {
        if (!relative_text(names[i], out))
            return false;
        if (i > 0)
            writer_u8(out, ',');
    }
    return true;
}
