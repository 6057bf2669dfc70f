/*
 * Parses mapping rules of SSSD. The text is the trusted configuration's; it is parsed once at load
 * by decide and gatewayctl. Digests are those that OpenSSL knows, as in SSSD.
 */
#include "gatewayd/decide/certmap_fields.h"
#include "gatewayd/decide/certmap_rule.h"

#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <strings.h>

#define NAME_FIELD(name_, what_, strength_)                                                        \
    {                                                                                              \
        .name = (name_), .what = CERTMAP_FIELD_##what_, .conversion = CERTMAP_FORM,                \
        .strength = ATTRIBUTE_##strength_                                                          \
    }
#define SAN_FIELD(name_, kind_, part_)                                                             \
    {                                                                                              \
        .name = (name_), .what = CERTMAP_FIELD_SAN, .san = CERTMAP_SAN_##kind_,                    \
        .part = CERTMAP_##part_                                                                    \
    }
#define U1_FIELD(name_, what_, part_, conversion_, strength_)                                      \
    {                                                                                              \
        .name = (name_), .what = CERTMAP_FIELD_##what_, .part = CERTMAP_##part_,                   \
        .conversion = CERTMAP_##conversion_, .u1 = true, .strength = ATTRIBUTE_##strength_         \
    }

/* A name may stand twice: each row is tried. */
static const struct certmap_field fields[] = {
    NAME_FIELD("issuer_dn", ISSUER, HALF),
    NAME_FIELD("subject_dn", SUBJECT, WEAK),
    {.name = "cert",
     .what = CERTMAP_FIELD_CERT,
     .conversion = CERTMAP_OCTETS,
     .strength = ATTRIBUTE_STRONG},
    SAN_FIELD("subject_rfc822_name", EMAIL, SHORT_NAME),
    SAN_FIELD("subject_dns_name", DNS, SHORT_NAME),
    SAN_FIELD("subject_x400_address", X400, NO_PART),
    SAN_FIELD("subject_directory_name", DIRECTORY, NO_PART),
    SAN_FIELD("subject_ediparty_name", EDI, NO_PART),
    SAN_FIELD("subject_uri", URI, NO_PART),
    SAN_FIELD("subject_ip_address", IP, NO_PART),
    SAN_FIELD("subject_registered_id", RID, NO_PART),
    SAN_FIELD("subject_pkinit_principal", PKINIT, SHORT_NAME),
    SAN_FIELD("subject_nt_principal", NT, SHORT_NAME),
    SAN_FIELD("subject_principal", PRINCIPAL, SHORT_NAME),
    U1_FIELD("serial_number", SERIAL, NO_PART, HEX_OR_DEC, HALF),
    U1_FIELD("subject_key_id", KEY_ID, NO_PART, HEX, WEAK), /* an issuer may put anything there */
    U1_FIELD("cert", CERT, NO_PART, DIGEST, STRONG),
    U1_FIELD("subject_dn_component", SUBJECT_COMPONENT, COMPONENT, AS_IS, WEAK),
    U1_FIELD("issuer_dn_component", ISSUER_COMPONENT, COMPONENT, AS_IS, WEAK),
    U1_FIELD("sid", SID, RID, AS_IS, STRONG),
};

struct parse {
    struct certmap_map *map;
    bool u1;
    struct error *err;
};

static bool refuse(struct parse *p, const char *what, struct bytes where)
{
    return err_set(p->err, REASON_CONFIG_VALUE, "map: %s: %.*s", what, (int)where.len,
                   where.len ? (const char *)where.at : "");
}

static struct certmap_piece *add_piece(struct parse *p)
{
    struct certmap_map *map = p->map;

    map->pieces = xrealloc(map->pieces, map->n + 1, sizeof(*map->pieces));
    map->pieces[map->n] = (struct certmap_piece){.literal = NULL};
    return &map->pieces[map->n++];
}

/* --- what stands behind "." and "!" ----------------------------------------------------------- */

/* "name", "[n]", "name[n]". SSSD reads the number with strtoll, so blanks and a plus are fine. */
static bool parse_component(struct bytes part, struct certmap_piece *piece)
{
    AUTO(char_freep) char *text = xtext(part);
    char *open = strchr(text, '['), *close, *end;
    long long number;

    if (!open) {
        piece->type = STEAL(text);
        return true;
    }
    close = strchr(open, ']');
    if (!close || close[1])
        return false;
    errno = 0;
    number = strtoll(open + 1, &end, 10);
    if (errno != 0 || number < INT_MIN || number > INT_MAX || number == 0 || end != close)
        return false;
    piece->number = (int)number;
    if (open > text)
        piece->type = xtext((struct bytes){part.at, (size_t)(open - text)});
    return true;
}

static bool parse_part(const struct certmap_field *field, struct bytes part,
                       struct certmap_piece *piece)
{
    piece->part = part.len > 0;
    if (part.len == 0)
        return true;
    switch (field->part) {
    case CERTMAP_NO_PART:
        return false;
    case CERTMAP_SHORT_NAME:
        return bytes_equal(part, bytes_of("short_name"));
    case CERTMAP_RID:
        return bytes_equal(part, bytes_of("rid"));
    case CERTMAP_COMPONENT:
        return parse_component(part, piece);
    }
    return false;
}

/* The letters behind "_", in any order and number. */
static bool parse_letters(struct bytes letters, struct certmap_hex *hex)
{
    for (size_t i = 0; i < letters.len; i++) {
        uint8_t c = letters.at[i] | 0x20;

        if (c != 'u' && c != 'c' && c != 'r')
            return false;
        hex->upper = hex->upper || c == 'u';
        hex->colon = hex->colon || c == 'c';
        hex->reverse = hex->reverse || c == 'r';
    }
    return true;
}

/* Cuts "name_letters" in two; without "_" there are no letters. */
static struct bytes cut_letters(struct bytes text, struct bytes *ret_letters, bool *ret_cut)
{
    const uint8_t *mark = memchr(text.at, '_', text.len);

    *ret_cut = mark != NULL;
    *ret_letters = (struct bytes){0};
    if (!mark)
        return text;
    *ret_letters = (struct bytes){mark + 1, (size_t)(text.at + text.len - mark - 1)};
    return (struct bytes){text.at, (size_t)(mark - text.at)};
}

static bool equal_nocase(struct bytes text, const char *name)
{
    return text.len == strlen(name) && strncasecmp((const char *)text.at, name, text.len) == 0;
}

static bool parse_hex(struct bytes text, bool decimal_too, struct certmap_hex *hex)
{
    struct bytes letters, name;
    bool cut;

    name = cut_letters(text, &letters, &cut);
    hex->decimal = decimal_too && !cut && equal_nocase(name, "dec");
    return hex->decimal || (equal_nocase(name, "hex") && parse_letters(letters, hex));
}

struct digest_search {
    struct bytes wanted;
    EVP_MD *found;
};

/* SSSD takes the names of OpenSSL's table that begin with a small letter and are of no signature.
 */
static void try_digest(const OBJ_NAME *row, void *context)
{
    struct digest_search *search = context;

    if (search->found || row->name[0] < 'a' || row->name[0] > 'z' || strstr(row->name, "RSA") ||
        strstr(row->name, "rsa") || !equal_nocase(search->wanted, row->name))
        return;
    search->found = EVP_MD_fetch(NULL, row->name, NULL);
}

static bool parse_digest(struct bytes text, struct certmap_piece *piece)
{
    struct digest_search search = {.found = NULL};
    struct bytes letters;
    bool cut;

    search.wanted = cut_letters(text, &letters, &cut);
    if (!parse_letters(letters, &piece->hex) ||
        !OPENSSL_init_crypto(OPENSSL_INIT_ADD_ALL_DIGESTS, NULL))
        return false;
    OBJ_NAME_do_all(OBJ_NAME_TYPE_MD_METH, try_digest, &search);
    piece->digest = search.found;
    return piece->digest != NULL;
}

static bool parse_conversion(const struct certmap_field *field, struct bytes text,
                             struct certmap_piece *piece)
{
    piece->form = (struct certmap_name_form){.ad = false};
    if (text.len == 0)
        return true;
    switch (field->conversion) {
    case CERTMAP_AS_IS:
        return false;
    case CERTMAP_FORM:
        return certmap_name_form(text, &piece->form);
    case CERTMAP_OCTETS:
        piece->base64 = bytes_equal(text, bytes_of("base64"));
        return piece->base64 || bytes_equal(text, bytes_of("bin"));
    case CERTMAP_HEX_OR_DEC:
    case CERTMAP_HEX:
        return parse_hex(text, field->conversion == CERTMAP_HEX_OR_DEC, &piece->hex);
    case CERTMAP_DIGEST:
        return parse_digest(text, piece);
    }
    return false;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* One mark at most, and not in front. */
static bool find_mark(struct bytes text, char mark, const uint8_t **ret_at)
{
    *ret_at = text.len ? memchr(text.at, mark, text.len) : NULL;
    return !*ret_at || (*ret_at != text.at &&
                        !memchr(*ret_at + 1, mark, (size_t)(text.at + text.len - *ret_at - 1)));
}

static bool try_rows(struct parse *p, struct bytes name, struct bytes part, struct bytes conversion)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct certmap_piece piece = {.field = &fields[i]};

        if ((fields[i].u1 && !p->u1) || !bytes_equal(name, bytes_of(fields[i].name)))
            continue;
        if (parse_part(&fields[i], part, &piece) &&
            parse_conversion(&fields[i], conversion, &piece)) {
            *add_piece(p) = piece;
            return true;
        }
        free(piece.type);
    }
    return false;
}

/* name ["." part] ["!" conversion]; an empty part or conversion is none. */
static bool add_field(struct parse *p, struct bytes text)
{
    const uint8_t *end, *dot, *mark;
    struct bytes name = text, part = {0}, conversion = {0};

    if (text.len == 0)
        return refuse(p, "no such value", text);
    end = text.at + text.len;
    if (!find_mark(text, '.', &dot) || !find_mark(text, '!', &mark))
        return refuse(p, "one \".\" and one \"!\" behind a name", text);
    if (mark) {
        conversion = (struct bytes){mark + 1, (size_t)(end - mark - 1)};
        end = mark;
        name.len = (size_t)(mark - text.at);
    }
    if (dot && dot > end)
        return refuse(p, "no such value", text);
    if (dot) {
        part = (struct bytes){dot + 1, (size_t)(end - dot - 1)};
        name.len = (size_t)(dot - text.at);
    }
    if (try_rows(p, name, part, conversion))
        return true;
    return refuse(p, p->u1 ? "no such value" : "no such value (some need LDAPU1)", text);
}

static void add_literal(struct parse *p, struct writer *text)
{
    if (text->len > 0)
        add_piece(p)->literal = xtext(writer_bytes(text));
    writer_reset(text);
}

/* "{{" and "}}" are braces. As in SSSD a lone "}" ends a name that nothing has begun. */
static bool parse_text(struct parse *p, const char *at)
{
    AUTO(writer_clear) struct writer text = writer_new(CERTMAP_RULE_MAX);
    bool inside = false;

    for (; *at; at++) {
        bool twice = at[0] == at[1];

        if (*at == '{' && (inside || !twice)) {
            if (inside)
                return refuse(p, "a brace in a name", bytes_of(at));
            add_literal(p, &text);
            inside = true;
        } else if (*at == '}' && (inside || !twice)) {
            if (twice)
                return refuse(p, "two braces in a name", bytes_of(at));
            if (!add_field(p, writer_bytes(&text)))
                return false;
            writer_reset(&text);
            inside = false;
        } else {
            writer_u8(&text, (uint8_t)*at);
            at += *at == '{' || *at == '}';
        }
    }
    add_literal(p, &text);
    return !inside || refuse(p, "no closing brace", bytes_of(""));
}

bool certmap_map_parse(const char *text, struct certmap_map **ret_map, struct error *err)
{
    AUTO(certmap_map_freep) struct certmap_map *map = xcalloc(1, sizeof(*map));
    struct parse p = {.map = map, .err = err};
    const char *rest;
    struct bytes type = certmap_rule_type(text, &rest);

    p.u1 = bytes_equal(type, bytes_of("LDAPU1"));
    if (strlen(text) >= CERTMAP_RULE_MAX)
        return refuse(&p, "too long", (struct bytes){0});
    if (type.len > 0 && !p.u1 && !bytes_equal(type, bytes_of("LDAP")))
        return refuse(&p, "a mapping rule is of type LDAP or LDAPU1", bytes_of(text));
    if (!parse_text(&p, rest))
        return false;
    *ret_map = STEAL(map);
    return true;
}

struct certmap_map *certmap_map_free(struct certmap_map *map)
{
    for (size_t i = 0; map && i < map->n; i++) {
        free(map->pieces[i].literal);
        free(map->pieces[i].type);
        EVP_MD_free(map->pieces[i].digest);
    }
    if (map)
        free(map->pieces);
    free(map);
    return NULL;
}
