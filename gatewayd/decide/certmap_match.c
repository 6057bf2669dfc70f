/*
 * Parses matching rules of SSSD. The text is the trusted configuration's; it is parsed once at load
 * by decide and gatewayctl. Base64 is read by OpenSSL's decoder, whose idea of it SSSD has too.
 */
#include "gatewayd/decide/certmap_rule.h"

#include "gatewayd/decide/expression.h"
#include "gatewayd/shared/xalloc.h"

#include <ctype.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <strings.h>

static const struct {
    const char *text;
    enum certmap_key key;
} keys[] = {
    {"ISSUER>", CERTMAP_ISSUER}, {"SUBJECT>", CERTMAP_SUBJECT}, {"KU>", CERTMAP_KU},
    {"EKU>", CERTMAP_EKU},       {"SAN>", CERTMAP_SAN},         {"SAN:", CERTMAP_SAN},
};

/* RFC 5280 4.2.1.3, by bit. */
static const char *const key_usages[] = {
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
    "keyCertSign",      "cRLSign",        "encipherOnly",    "decipherOnly",
};

static const struct {
    const char *name, *oid;
} usages[] = {
    {"serverAuth", "1.3.6.1.5.5.7.3.1"},     {"clientAuth", "1.3.6.1.5.5.7.3.2"},
    {"codeSigning", "1.3.6.1.5.5.7.3.3"},    {"emailProtection", "1.3.6.1.5.5.7.3.4"},
    {"timeStamping", "1.3.6.1.5.5.7.3.8"},   {"OCSPSigning", "1.3.6.1.5.5.7.3.9"},
    {"KPClientAuth", "1.3.6.1.5.2.3.4"},     {"pkinit", "1.3.6.1.5.2.3.4"},
    {"msScLogin", "1.3.6.1.4.1.311.20.2.2"},
};

/* By enum certmap_san_kind; a prefix finds the first that it fits. */
static const struct {
    const char *name;
    bool base64; /* the value is octets, else an expression */
} san_kinds[] = {
    [CERTMAP_SAN_OTHER] = {"otherName", true},
    [CERTMAP_SAN_EMAIL] = {"rfc822Name", false},
    [CERTMAP_SAN_DNS] = {"dNSName", false},
    [CERTMAP_SAN_X400] = {"x400Address", true},
    [CERTMAP_SAN_DIRECTORY] = {"directoryName", false},
    [CERTMAP_SAN_EDI] = {"ediPartyName", true},
    [CERTMAP_SAN_URI] = {"uniformResourceIdentifier", false},
    [CERTMAP_SAN_IP] = {"iPAddress", false},
    [CERTMAP_SAN_RID] = {"registeredID", false},
    [CERTMAP_SAN_PKINIT] = {"pkinitSAN", false},
    [CERTMAP_SAN_NT] = {"ntPrincipalName", false},
    [CERTMAP_SAN_PRINCIPAL] = {"Principal", false},
    [CERTMAP_SAN_STRING_OTHER] = {"stringOtherName", false},
};
_Static_assert(ARRAY_LEN(san_kinds) == CERTMAP_SAN__COUNT, "a name for each kind");

struct parse {
    const char *at; /* what is left of the rule */
    struct certmap_condition *condition;
    struct error *err;
};

static bool refuse(struct parse *p, const char *what, const char *where)
{
    return err_set(p->err, REASON_CONFIG_VALUE, "match: %s: %s", what, where);
}

struct bytes certmap_rule_type(const char *text, const char **ret_rest)
{
    const char *colon = strchr(text, ':');

    *ret_rest = text;
    if (!colon)
        return (struct bytes){0};
    for (const char *c = text; c < colon; c++)
        if (!((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z')))
            return (struct bytes){0};
    *ret_rest = colon + 1;
    return (struct bytes){(const uint8_t *)text, (size_t)(colon - text)};
}

/* The value: everything up to the next condition. */
static bool take_value(struct parse *p)
{
    size_t len = strcspn(p->at, "<");

    if (len == 0)
        return refuse(p, "a condition without a value", p->at - 1);
    p->condition->value = xtext((struct bytes){(const uint8_t *)p->at, len});
    p->at += len;
    return true;
}

static bool parse_expression(struct parse *p)
{
    struct certmap_condition *condition = p->condition;
    const char *why;

    if (!take_value(p))
        return false;
    why = expression_risk(condition->value);
    if (why)
        return refuse(p, why, condition->value);
    if (regcomp(&condition->expression, condition->value, REG_EXTENDED) != 0)
        return refuse(p, "a malformed expression", condition->value);
    condition->has_expression = true;
    return true;
}

/* The next item of a list, without blanks at its ends; empty ones are passed over. */
static bool next_item(const char **at, struct bytes *ret_item)
{
    while (**at) {
        size_t len = strcspn(*at, ",");
        struct bytes item = {(const uint8_t *)*at, len};

        *at += len + ((*at)[len] == ',');
        while (item.len > 0 && isspace(item.at[0]))
            item = (struct bytes){item.at + 1, item.len - 1};
        while (item.len > 1 && isspace(item.at[item.len - 1]))
            item.len--;
        *ret_item = item;
        if (item.len > 0)
            return true;
    }
    return false;
}

static bool equal_nocase(struct bytes text, const char *name)
{
    return text.len == strlen(name) && strncasecmp((const char *)text.at, name, text.len) == 0;
}

static bool parse_key_usage(struct parse *p)
{
    struct bytes item;
    const char *at;

    if (!take_value(p))
        return false;
    at = p->condition->value;
    while (next_item(&at, &item)) {
        uint32_t bit = 0;

        for (size_t i = 0; i < ARRAY_LEN(key_usages); i++)
            if (equal_nocase(item, key_usages[i]))
                bit = UINT32_C(1) << i;
        if (bit == 0)
            return refuse(p, "no such key usage", p->condition->value);
        p->condition->usage |= bit;
    }
    return true;
}

/* Digits and dots, a digit at both ends, one dot at least. */
static bool is_dotted(struct bytes text)
{
    bool dot = false;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '.' && (text.at[i] < '0' || text.at[i] > '9'))
            return false;
        dot = dot || text.at[i] == '.';
    }
    return dot && text.at[0] != '.' && text.at[text.len - 1] != '.';
}

static char *usage_oid(struct bytes item)
{
    for (size_t i = 0; i < ARRAY_LEN(usages); i++)
        if (equal_nocase(item, usages[i].name))
            return xstrdup(usages[i].oid);
    return is_dotted(item) ? xtext(item) : NULL;
}

static bool parse_usages(struct parse *p)
{
    struct certmap_condition *condition = p->condition;
    struct bytes item;
    const char *at;

    if (!take_value(p))
        return false;
    condition->oids = xcalloc(strlen(condition->value) + 1, sizeof(*condition->oids));
    at = condition->value;
    while (next_item(&at, &item)) {
        char *oid = usage_oid(item);

        if (!oid)
            return refuse(p, "no such extended key usage", condition->value);
        condition->oids[condition->n_oids++] = oid;
    }
    /* SSSD takes it and crashes at the first certificate. */
    return condition->n_oids > 0 || refuse(p, "a list of nothing", condition->value);
}

static bool parse_base64(struct parse *p)
{
    uint8_t octets[CERTMAP_RULE_MAX];
    BIO *decoder, *text;
    int len, n = 0;

    if (!take_value(p))
        return false;
    decoder = BIO_new(BIO_f_base64());
    text = BIO_new_mem_buf(p->condition->value, -1);
    if (!decoder || !text)
        abort();
    BIO_set_flags(decoder, BIO_FLAGS_BASE64_NO_NL);
    decoder = BIO_push(decoder, text);
    while (n < CERTMAP_RULE_MAX &&
           (len = BIO_read(decoder, octets + n,
                           CERTMAP_RULE_MAX - n < 512 ? CERTMAP_RULE_MAX - n : 512)) > 0)
        n += len;
    BIO_free_all(decoder);
    if (n == 0)
        return refuse(p, "not base64", p->condition->value);
    p->condition->octets = xbytes((struct bytes){octets, (size_t)n});
    return true;
}

/* "opt>": a name or the beginning of one, an OID, or nothing. */
static bool parse_san_kind(struct parse *p)
{
    size_t len = strcspn(p->at, ">");
    struct bytes text = {(const uint8_t *)p->at, len};

    if (p->at[len] == '\0')
        return refuse(p, "a kind of SAN without an end", p->at);
    p->at += len + 1;
    for (size_t i = 0; len > 0 && i < CERTMAP_SAN__COUNT; i++) {
        if (strncasecmp((const char *)text.at, san_kinds[i].name, len) != 0)
            continue;
        p->condition->san = (enum certmap_san_kind)i;
        p->condition->short_kind = len < strlen(san_kinds[i].name);
        return true;
    }
    if (len == 0)
        return true;
    if (!is_dotted(text))
        return refuse(p, "no such kind of SAN", (const char *)text.at);
    p->condition->san = CERTMAP_SAN_STRING_OTHER;
    p->condition->oid = xtext(text);
    return true;
}

static bool parse_san(struct parse *p)
{
    p->condition->san = CERTMAP_SAN_PRINCIPAL;
    if (p->at[-1] == ':' && !parse_san_kind(p))
        return false;
    return san_kinds[p->condition->san].base64 ? parse_base64(p) : parse_expression(p);
}

static bool parse_value(struct parse *p)
{
    switch (p->condition->key) {
    case CERTMAP_ISSUER:
    case CERTMAP_SUBJECT:
        return parse_expression(p);
    case CERTMAP_KU:
        return parse_key_usage(p);
    case CERTMAP_EKU:
        return parse_usages(p);
    case CERTMAP_SAN:
        return parse_san(p);
    }
    return false;
}

static bool parse_condition(struct parse *p, struct certmap_match *match)
{
    if (*p->at != '<')
        return refuse(p, "a condition begins with <", p->at);
    if (match->n == CERTMAP_CONDITIONS_MAX)
        return refuse(p, "too many conditions", p->at);
    p->at++;
    p->condition = &match->conditions[match->n];
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strncmp(p->at, keys[i].text, strlen(keys[i].text)) != 0)
            continue;
        match->n++;
        p->condition->key = keys[i].key;
        p->at += strlen(keys[i].text);
        return parse_value(p);
    }
    return refuse(p, "no such condition (a value cannot hold <)", p->at);
}

bool certmap_match_parse(const char *text, struct certmap_match **ret_match, struct error *err)
{
    AUTO(certmap_match_freep) struct certmap_match *match = xcalloc(1, sizeof(*match));
    struct parse p = {.err = err};
    struct bytes type = certmap_rule_type(text, &p.at);

    if (strlen(text) >= CERTMAP_RULE_MAX)
        return refuse(&p, "too long", "");
    if (type.len > 0 && !bytes_equal(type, bytes_of("KRB5")))
        return refuse(&p, "a matching rule is of type KRB5", text);
    if (strncmp(p.at, "&&", 2) == 0 || strncmp(p.at, "||", 2) == 0) {
        match->any = *p.at == '|';
        p.at += 2;
    }
    while (*p.at)
        if (!parse_condition(&p, match))
            return false;
    *ret_match = STEAL(match);
    return true;
}

struct certmap_match *certmap_match_free(struct certmap_match *match)
{
    for (size_t i = 0; match && i < match->n; i++) {
        struct certmap_condition *condition = &match->conditions[i];

        if (condition->has_expression)
            regfree(&condition->expression);
        for (size_t k = 0; k < condition->n_oids; k++)
            free(condition->oids[k]);
        free(condition->oids);
        free(condition->oid);
        free((void *)condition->octets.at);
        free(condition->value);
    }
    free(match);
    return NULL;
}
