/*
 * Normal forms of distinguished names and attribute values (RFC 4514, RFC 4518 as far as ASCII
 * goes). Runs in every process that holds a replica, on octets that the directory's writers choose:
 * bounded by REPLICA_DN_MAX, no recursion.
 */
#include "ldap/dn.h"

#include "common/text.h"

enum {
    AVAS_MAX = 16, /* type=value pairs of one RDN; our choice, two are rare */
    TYPE_MAX = 64, /* octets of an attribute type */
};

/* Other spellings of attribute types in DNs (RFC 4519). Both columns are lower case. */
static const struct {
    const char *alias, *type;
} type_aliases[] = {
    {"commonname", "cn"},
    {"2.5.4.3", "cn"},
    {"surname", "sn"},
    {"2.5.4.4", "sn"},
    {"countryname", "c"},
    {"2.5.4.6", "c"},
    {"localityname", "l"},
    {"2.5.4.7", "l"},
    {"stateorprovincename", "st"},
    {"2.5.4.8", "st"},
    {"streetaddress", "street"},
    {"2.5.4.9", "street"},
    {"organizationname", "o"},
    {"2.5.4.10", "o"},
    {"organizationalunitname", "ou"},
    {"2.5.4.11", "ou"},
    {"userid", "uid"},
    {"0.9.2342.19200300.100.1.1", "uid"},
    {"rfc822mailbox", "mail"},
    {"0.9.2342.19200300.100.1.3", "mail"},
    {"domaincomponent", "dc"},
    {"0.9.2342.19200300.100.1.25", "dc"},
};

struct parser {
    const uint8_t *at, *end;
};

/* One RDN's pairs, in `text` in order of appearance. */
struct rdn {
    uint8_t text[REPLICA_DN_MAX];
    size_t len;
    struct bytes avas[AVAS_MAX];
    size_t n;
};

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void spaces_pass(struct parser *p)
{
    while (p->at < p->end && *p->at == ' ')
        p->at++;
}

static bool rdn_add(struct rdn *rdn, uint8_t c)
{
    if (rdn->len == sizeof(rdn->text))
        return false;
    rdn->text[rdn->len++] = c;
    return true;
}

static bool rdn_add_text(struct rdn *rdn, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!rdn_add(rdn, text.at[i]))
            return false;
    return true;
}

/* type := descr or numeric OID; the short lower-case name goes to rdn */
static bool type_parse(struct parser *p, struct rdn *rdn)
{
    char type[TYPE_MAX + 1];
    size_t len = 0;

    for (; p->at < p->end && len < TYPE_MAX; p->at++) {
        uint8_t c = lower(*p->at);
        if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '.')
            break;
        type[len++] = (char)c;
    }
    type[len] = '\0';
    if (len == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(type_aliases); i++)
        if (strcmp(type_aliases[i].alias, type) == 0)
            return rdn_add_text(rdn, bytes_of(type_aliases[i].type));
    return rdn_add_text(rdn, bytes_of(type));
}

/* hexstring := '#' 1*(hex hex): the BER form, kept as lower hex */
static bool hex_parse(struct parser *p, struct rdn *rdn)
{
    size_t digits = 0;

    if (!rdn_add(rdn, *p->at++))
        return false;
    for (; p->at < p->end && hex_value(*p->at) >= 0; p->at++, digits++)
        if (!rdn_add(rdn, lower(*p->at)))
            return false;
    return digits > 0 && digits % 2 == 0;
}

/* What follows a backslash: one octet. */
static bool escape_parse(struct parser *p, uint8_t *ret_octet)
{
    p->at++;
    if (p->end - p->at >= 2 && hex_value(p->at[0]) >= 0 && hex_value(p->at[1]) >= 0) {
        *ret_octet = (uint8_t)(hex_value(p->at[0]) << 4 | hex_value(p->at[1]));
        p->at += 2;
        return true;
    }
    if (p->at < p->end && memchr(" \"#+,;<=>\\", *p->at, 10)) {
        *ret_octet = *p->at++;
        return true;
    }
    return false;
}

/* Folds decoded octets: lower case, runs of spaces as one, none at the ends. Returns the length. */
static size_t fold_case(uint8_t *at, size_t len)
{
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        if (at[i] == ' ' && (out == 0 || at[out - 1] == ' '))
            continue;
        at[out++] = lower(at[i]);
    }
    return out > 0 && at[out - 1] == ' ' ? out - 1 : out;
}

/* Appends folded octets with the escapes that keep the form unambiguous. */
static bool value_write(struct rdn *rdn, struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        bool special = memchr(",+\\\";", c, 5) || (c == '#' && i == 0);

        if ((special && !rdn_add(rdn, '\\')) || !rdn_add(rdn, c))
            return false;
    }
    return true;
}

/* string := characters and escapes up to an unescaped ',' or '+' */
static bool string_parse(struct parser *p, struct rdn *rdn)
{
    uint8_t value[REPLICA_DN_MAX];
    size_t len = 0;

    while (p->at < p->end && *p->at != ',' && *p->at != '+') {
        if (len == sizeof(value) || *p->at == '"' || *p->at == ';')
            return false;
        if (*p->at == '\\') {
            if (!escape_parse(p, &value[len]))
                return false;
            len++;
        } else {
            value[len++] = *p->at++;
        }
    }
    len = fold_case(value, len);
    return len > 0 && text_is_clean((struct bytes){value, len}) &&
           value_write(rdn, (struct bytes){value, len});
}

static bool ava_parse(struct parser *p, struct rdn *rdn)
{
    size_t start = rdn->len;

    if (rdn->n == AVAS_MAX)
        return false;
    spaces_pass(p);
    if (!type_parse(p, rdn))
        return false;
    spaces_pass(p);
    if (p->at == p->end || *p->at++ != '=' || !rdn_add(rdn, '='))
        return false;
    spaces_pass(p);
    if (p->at < p->end && *p->at == '#' ? !hex_parse(p, rdn) : !string_parse(p, rdn))
        return false;
    spaces_pass(p);
    rdn->avas[rdn->n++] = (struct bytes){rdn->text + start, rdn->len - start};
    return true;
}

static int ava_compare(const void *a, const void *b)
{
    const struct bytes *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->at, y->at, len);

    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static bool dn_add(struct dn *dn, struct bytes text)
{
    if (text.len > sizeof(dn->text) - dn->len)
        return false;
    memcpy(dn->text + dn->len, text.at, text.len);
    dn->len += text.len;
    return true;
}

/* rdn := ava *('+' ava), written sorted */
static bool rdn_parse(struct parser *p, struct dn *dn)
{
    struct rdn rdn;

    rdn.len = rdn.n = 0;
    if (!ava_parse(p, &rdn))
        return false;
    while (p->at < p->end && *p->at == '+') {
        p->at++;
        if (!ava_parse(p, &rdn))
            return false;
    }
    qsort(rdn.avas, rdn.n, sizeof(rdn.avas[0]), ava_compare);
    for (size_t i = 0; i < rdn.n; i++)
        if ((i > 0 && !dn_add(dn, bytes_of("+"))) || !dn_add(dn, rdn.avas[i]))
            return false;
    return true;
}

bool dn_normalise(struct bytes in, struct dn *ret_dn)
{
    struct parser p = {in.at, in.at + in.len};

    ret_dn->len = 0;
    if (in.len == 0 || in.len > REPLICA_DN_MAX || !text_is_clean(in) || !rdn_parse(&p, ret_dn))
        return false;
    while (p.at < p.end)
        if (*p.at++ != ',' || !dn_add(ret_dn, bytes_of(",")) || !rdn_parse(&p, ret_dn))
            return false;
    return true;
}

/* The end of the pair that begins at `at`: an unescaped '+' or ','. */
static size_t ava_end(struct bytes dn, size_t at)
{
    while (at < dn.len && dn.at[at] != ',' && dn.at[at] != '+')
        at += dn.at[at] == '\\' ? 2 : 1;
    return at < dn.len ? at : dn.len;
}

bool dn_rdn_is(struct bytes normalised, const char *type, struct bytes value)
{
    uint8_t folded[REPLICA_DN_MAX];
    struct rdn want;

    want.len = want.n = 0;
    if (value.len == 0 || value.len > sizeof(folded))
        return false;
    for (const char *c = type; *c; c++)
        if (!rdn_add(&want, lower((uint8_t)*c)))
            return false;
    memcpy(folded, value.at, value.len);
    size_t len = fold_case(folded, value.len);
    if (!rdn_add(&want, '=') || !value_write(&want, (struct bytes){folded, len}))
        return false;
    for (size_t at = 0; at < normalised.len;) {
        size_t end = ava_end(normalised, at);
        if (bytes_equal((struct bytes){normalised.at + at, end - at},
                        (struct bytes){want.text, want.len}))
            return true;
        if (end == normalised.len || normalised.at[end] == ',')
            return false;
        at = end + 1;
    }
    return false;
}

/* Cuts "#'0101'B" off (RFC 4517 3.3.21, NameAndOptionalUID). */
static struct bytes uid_suffix_cut(struct bytes in)
{
    size_t at = in.len;

    if (in.len < 4 || in.at[in.len - 1] != 'B' || in.at[in.len - 2] != '\'')
        return in;
    at = in.len - 2;
    while (at > 0 && (in.at[at - 1] == '0' || in.at[at - 1] == '1'))
        at--;
    if (at < 2 || in.at[at - 1] != '\'' || in.at[at - 2] != '#')
        return in;
    return (struct bytes){in.at, at - 2};
}

static bool fold_text(struct bytes value, struct writer *scratch, struct bytes *ret_folded)
{
    size_t len;

    writer_put(scratch, value);
    if (!writer_ok(scratch))
        return false;
    len = fold_case(scratch->at, scratch->len);
    *ret_folded = (struct bytes){scratch->at, len};
    return len > 0;
}

static bool fold_dn(struct bytes value, struct writer *scratch, struct bytes *ret_folded)
{
    struct dn dn;

    if (!dn_normalise(value, &dn))
        return false;
    writer_put(scratch, (struct bytes){dn.text, dn.len});
    *ret_folded = writer_bytes(scratch);
    return writer_ok(scratch);
}

bool value_fold(enum attribute_match match, struct bytes value, struct writer *scratch,
                struct bytes *ret_folded)
{
    uint64_t number;

    writer_reset(scratch);
    if (value.len == 0)
        return false;
    switch (match) {
    case MATCH_CASE_IGNORE:
        return fold_text(value, scratch, ret_folded);
    case MATCH_DN:
        return fold_dn(value, scratch, ret_folded);
    case MATCH_DN_UID:
        return fold_dn(uid_suffix_cut(value), scratch, ret_folded);
    case MATCH_NUMBER:
        *ret_folded = value;
        return text_u64(value, &number);
    case MATCH_EXACT:
        *ret_folded = value;
        return true;
    }
    return false;
}
