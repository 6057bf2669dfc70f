/*
 * The names of a certificate: components of subject and issuer, alternative names. decide and
 * gatewayctl run it on octets that a certificate's issuer chose. A malformed alternative name
 * spoils all of them, because nobody can tell what the rest would have said.
 */
#include "gatewayd/decide/dn.h"
#include "gatewayd/decide/identity_build.h"

/* The row of a component or an otherName: its own, or the one for all others at the end. */
static const struct attribute *row_of(enum attribute_source source, struct bytes oid)
{
    size_t n;
    const struct attribute *rows = attributes_of(source, &n), *open = NULL;

    for (size_t i = 0; i < n; i++) {
        if (rows[i].open)
            open = &rows[i];
        else if (bytes_equal(rows[i].oid, oid))
            return &rows[i];
    }
    return open;
}

/* Only values of open rows need their identifier. One that no rule can write is a fault of all. */
static void set_oid(struct identity_value *value, struct bytes oid)
{
    if (!value->attribute->open)
        return;
    value->oid = oid.at;
    value->oid_len = oid.len <= DER_OID_MAX ? (uint8_t)oid.len : 0;
    if (oid.len > DER_OID_MAX) {
        value->fault = REASON_BAD_ENCODING;
        value->why = "a very long identifier";
        value->text.len = 0;
    }
}

static void add_component(struct build *build, enum attribute_source source,
                          const struct dn_component *component)
{
    const struct attribute *row = row_of(source, component->oid);
    struct identity_value *value = row ? build_value(build, row, component->value) : NULL;

    if (!value)
        return;
    set_oid(value, component->oid);
    if (source == ATTRIBUTE_SAN_DIRECTORY) /* TCG writes all three into one relative name */
        return;
    value->position = (uint16_t)component->position;
    value->shared = component->shared;
}

bool build_name(struct build *build, enum attribute_source source, struct bytes content)
{
    struct dn_walk walk = dn_walk(content);
    struct dn_component component;

    while (dn_next(&walk, &component))
        add_component(build, source, &component);
    if (source == ATTRIBUTE_SUBJECT)
        build->identity->n_subject = (uint16_t)walk.position;
    if (source == ATTRIBUTE_ISSUER)
        build->identity->n_issuer = (uint16_t)walk.position;
    return dn_walk_ok(&walk);
}

/* otherName ::= [0] { type-id OID, value [0] EXPLICIT ANY } */
static bool add_other_name(struct build *build, struct bytes content)
{
    struct reader r = reader_over(content);
    struct bytes type = der_expect(&r, DER_OID).content;
    struct reader inner = reader_over(der_expect(&r, DER_CONTEXT_CONSTRUCTED).content);
    struct der value = der_next(&inner);
    struct identity_value *added;

    if (!reader_done(&r) || !reader_done(&inner) || !der_oid_is_good(type))
        return false;
    added = build_value(build, row_of(ATTRIBUTE_SAN_OTHER, type), value);
    if (added)
        set_oid(added, type);
    return true;
}

/* directoryName is EXPLICIT, because Name is a CHOICE (X.680 31.2.7); all others are IMPLICIT. */
static bool open_directory_name(struct build *build, struct der *name)
{
    struct reader r = reader_over(name->content);

    *name = der_expect(&r, DER_SEQUENCE);
    return reader_done(&r) && build_name(build, ATTRIBUTE_SAN_DIRECTORY, name->content);
}

static bool add_general_name(struct build *build, struct der name)
{
    uint8_t tag = name.tag;
    bool known = false;
    size_t n;
    const struct attribute *rows = attributes_of(ATTRIBUTE_SAN, &n);

    if (tag == DER_CONTEXT_CONSTRUCTED)
        return add_other_name(build, name.content);
    if (tag == (DER_CONTEXT_CONSTRUCTED | 4) && !open_directory_name(build, &name))
        return false;
    build->n_uris += tag == (DER_CONTEXT | 6);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].tag != tag)
            continue;
        known = true;
        (void)build_value(build, &rows[i], name);
    }
    return known;
}

/* Why the alternative names cannot be used, or NULL. */
static const char *add_general_names(struct build *build, struct bytes content)
{
    struct reader r = reader_over(content);
    struct reader names = reader_over(der_expect(&r, DER_SEQUENCE).content);
    size_t count = 0;

    if (!reader_done(&r))
        return "malformed alternative names";
    while (reader_left(&names) > 0) {
        if (++count > IDENTITY_SANS_MAX)
            return "too many alternative names";
        if (!add_general_name(build, der_next(&names)))
            return "a malformed alternative name";
    }
    return reader_done(&names) ? NULL : "malformed alternative names";
}

void build_alternative_names(struct build *build, struct bytes content)
{
    const char *why = add_general_names(build, content);

    if (!why)
        return;
    build_faults(build, ATTRIBUTE_SAN, content, why);
    build_faults(build, ATTRIBUTE_SAN_OTHER, content, why);
    build_faults(build, ATTRIBUTE_SAN_DIRECTORY, content, why);
}
