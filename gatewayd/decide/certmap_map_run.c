/*
 * Fills mapping rules of SSSD in with the values of one certificate, in decide and gatewayctl. The
 * values are escaped as SSSD does, to the octet; what could break out of that is refused before
 * (certmap_certificate.c). No value at all is no filter.
 */
#include "gatewayd/decide/certmap_fields.h"

#include "gatewayd/shared/xalloc.h"

enum {
    SERIAL_MAX = 64, /* octets; RFC 5280 4.1.2.2 allows 20 */
    SCRATCH_MAX = 2 * CERTMAP_COMPONENTS_MAX * CERTMAP_NAME_MAX,
};

struct expand {
    const struct certmap_certificate *certificate;
    const struct certmap_piece *piece;
    struct writer *out;
    struct error *err;
};

static bool no_value(struct expand *e)
{
    return err_set(e->err, REASON_NO_VALUE, "certmap: {%s}", e->piece->field->name);
}

static bool use(struct expand *e, const char *why)
{
    return !why ||
           err_set(e->err, REASON_BAD_ENCODING, "certmap: {%s}: %s", e->piece->field->name, why);
}

/* --- numbers and octets ----------------------------------------------------------------------- */

static void put_hex(struct bytes octets, struct certmap_hex how, struct writer *out)
{
    const char *digits = how.upper ? "0123456789ABCDEF" : "0123456789abcdef";

    for (size_t i = 0; i < octets.len; i++) {
        uint8_t octet = octets.at[how.reverse ? octets.len - 1 - i : i];

        if (how.colon && i > 0)
            writer_u8(out, ':');
        writer_u8(out, (uint8_t)digits[octet >> 4]);
        writer_u8(out, (uint8_t)digits[octet & 15]);
    }
}

/* Divides by ten again and again; each octet makes at most three digits. */
static void put_decimal(struct bytes octets, struct writer *out)
{
    uint8_t number[SERIAL_MAX], digits[3 * SERIAL_MAX];
    size_t n = 0, first = 0;

    memcpy(number, octets.at, octets.len);
    while (first < octets.len) {
        unsigned rest = 0;

        for (size_t i = first; i < octets.len; i++) {
            rest = rest << 8 | number[i];
            number[i] = (uint8_t)(rest / 10);
            rest %= 10;
        }
        digits[n++] = (uint8_t)('0' + rest);
        while (first < octets.len && number[first] == 0)
            first++;
    }
    while (n > 0)
        writer_u8(out, digits[--n]);
}

static bool expand_number(struct expand *e, struct bytes octets)
{
    if (octets.len == 0)
        return no_value(e);
    if (octets.len > SERIAL_MAX)
        return use(e, "too long");
    if (e->piece->hex.decimal)
        put_decimal(octets, e->out);
    else
        put_hex(octets, e->piece->hex, e->out);
    return true;
}

static void put_base64(struct bytes octets, struct writer *out)
{
    AUTO(octets_freep) unsigned char *text = xcalloc(4 * ((octets.len + 2) / 3) + 1, 1);
    int len = EVP_EncodeBlock(text, octets.at, (int)octets.len);

    writer_put(out, (struct bytes){text, (size_t)len});
}

static bool expand_cert(struct expand *e)
{
    static const char digits[] = "0123456789abcdef";
    struct bytes der = e->certificate->der;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len;

    if (e->piece->digest) {
        if (EVP_Digest(der.at, der.len, digest, &len, e->piece->digest, NULL) != 1)
            return use(e, "no digest can be made");
        put_hex((struct bytes){digest, len}, e->piece->hex, e->out);
    } else if (e->piece->base64) {
        put_base64(der, e->out);
    } else {
        for (size_t i = 0; i < der.len; i++) {
            writer_u8(e->out, '\\');
            writer_u8(e->out, (uint8_t)digits[der.at[i] >> 4]);
            writer_u8(e->out, (uint8_t)digits[der.at[i] & 15]);
        }
    }
    return true;
}

/* --- names ------------------------------------------------------------------------------------ */

static bool expand_name(struct expand *e, const struct certmap_name *name)
{
    certmap_name_text(name, e->piece->form, e->out);
    return use(e, name->why);
}

static bool expand_component(struct expand *e, const struct certmap_name *name)
{
    const struct certmap_component *component =
        certmap_name_component(name, e->piece->type, e->piece->number);

    if (!component)
        return no_value(e);
    writer_text(e->out, component->value);
    return use(e, component->why);
}

/* SSSD puts each name in front of its list and takes the first: the last of the certificate. */
static bool expand_san(struct expand *e)
{
    const struct certmap_certificate *certificate = e->certificate;
    enum certmap_san_kind kind = e->piece->field->san;
    const struct certmap_san *san = NULL;
    const uint8_t *end;

    for (size_t i = 0; i < certificate->n_sans; i++)
        if (certificate->sans[i].kind == kind)
            san = &certificate->sans[i];
    if (!use(e, certificate->sans_why))
        return false;
    if (!san)
        return no_value(e);
    if (!use(e, san->why))
        return false;
    if (kind == CERTMAP_SAN_DIRECTORY)
        return expand_name(e, &san->name);
    end = e->piece->part ? memchr(san->text.at, kind == CERTMAP_SAN_DNS ? '.' : '@', san->text.len)
                         : NULL;
    writer_put(e->out,
               (struct bytes){san->text.at, end ? (size_t)(end - san->text.at) : san->text.len});
    return true;
}

/* The relative id is what follows the last hyphen. */
static bool expand_sid(struct expand *e)
{
    struct bytes sid = e->certificate->sid;
    const uint8_t *hyphen;

    if (sid.len == 0)
        return no_value(e);
    if (!use(e, e->certificate->sid_why))
        return false;
    hyphen = e->piece->part ? memrchr(sid.at, '-', sid.len) : NULL;
    if (hyphen)
        sid = (struct bytes){hyphen + 1, (size_t)(sid.at + sid.len - hyphen - 1)};
    writer_put(e->out, sid);
    return true;
}

static bool expand_field(struct expand *e)
{
    switch (e->piece->field->what) {
    case CERTMAP_FIELD_ISSUER:
        return expand_name(e, &e->certificate->issuer);
    case CERTMAP_FIELD_SUBJECT:
        return expand_name(e, &e->certificate->subject);
    case CERTMAP_FIELD_ISSUER_COMPONENT:
        return expand_component(e, &e->certificate->issuer);
    case CERTMAP_FIELD_SUBJECT_COMPONENT:
        return expand_component(e, &e->certificate->subject);
    case CERTMAP_FIELD_CERT:
        return expand_cert(e);
    case CERTMAP_FIELD_SAN:
        return expand_san(e);
    case CERTMAP_FIELD_SERIAL:
        return expand_number(e, e->certificate->serial);
    case CERTMAP_FIELD_KEY_ID:
        return expand_number(e, e->certificate->key_id);
    case CERTMAP_FIELD_SID:
        return expand_sid(e);
    }
    return false;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void put_escaped(struct bytes text, struct writer *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];

        if (!strchr("\t *()\\\r\n", c)) {
            writer_u8(out, c);
            continue;
        }
        writer_u8(out, '\\');
        writer_u8(out, (uint8_t)digits[c >> 4]);
        writer_u8(out, (uint8_t)digits[c & 15]);
    }
}

bool certmap_map_expand(const struct certmap_map *map,
                        const struct certmap_certificate *certificate, bool escape,
                        struct writer *out, struct error *err)
{
    AUTO(writer_clear) struct writer value = writer_new(SCRATCH_MAX);
    struct expand e = {.certificate = certificate, .out = &value, .err = err};

    for (size_t i = 0; i < map->n; i++) {
        e.piece = &map->pieces[i];
        if (e.piece->literal) {
            writer_text(out, e.piece->literal);
            continue;
        }
        writer_reset(&value);
        if (!expand_field(&e))
            return false;
        /* {cert...} is made of escapes, base64 or hex already. */
        if (escape && e.piece->field->what != CERTMAP_FIELD_CERT)
            put_escaped(writer_bytes(&value), out);
        else
            writer_put(out, writer_bytes(&value));
        if (!writer_ok(&value) || !writer_ok(out))
            return use(&e, "too long");
    }
    return writer_ok(out) || err_set(err, REASON_BAD_ENCODING, "certmap: too long");
}

static const char *native(const struct certmap_piece *piece)
{
    if (piece->field->what == CERTMAP_FIELD_KEY_ID)
        return "{ski}"; /* as strong as the ca section says */
    switch (piece->field->strength) {
    case ATTRIBUTE_STRONG:
        return "{cert!sha256}";
    case ATTRIBUTE_HALF:
        return piece->field->what == CERTMAP_FIELD_ISSUER ? "{issuer}" : "{serial}";
    case ATTRIBUTE_WEAK:
        break;
    }
    return "{subject.cn}";
}

void certmap_map_find(const struct certmap_map *map, struct writer *out)
{
    for (size_t i = 0; i < map->n; i++) {
        const char *literal = map->pieces[i].literal;

        if (!literal)
            writer_text(out, native(&map->pieces[i]));
        for (; literal && *literal; literal++) {
            if (*literal == '{' || *literal == '}')
                writer_printf(out, "\\%02x", (unsigned)*literal);
            else
                writer_u8(out, (uint8_t)*literal);
        }
    }
}
