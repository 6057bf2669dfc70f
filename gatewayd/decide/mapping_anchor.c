/*
 * Traps of patterns, one row per attribute whose values hold a domain name. Runs at load, on the
 * trusted configuration.
 */
#include "gatewayd/decide/mapping_anchor.h"

enum form { FORM_ADDRESS, FORM_HOST, FORM_URI };

static const struct {
    const char *name;
    enum form form;
} anchored[] = {
    {"san.email", FORM_ADDRESS}, {"san.email8", FORM_ADDRESS},   {"san.upn", FORM_ADDRESS},
    {"san.krb5", FORM_ADDRESS},  {"subject.mail", FORM_ADDRESS}, {"san.dns", FORM_HOST},
    {"san.uri", FORM_URI},       {"spiffe_id", FORM_URI},
};

static bool has_upper(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] >= 'A' && text.at[i] <= 'Z')
            return true;
    return false;
}

static struct bytes behind(struct bytes text, char mark)
{
    const uint8_t *at = text.len ? memchr(text.at, mark, text.len) : NULL;

    return at ? (struct bytes){at + 1, (size_t)(text.at + text.len - at - 1)} : (struct bytes){0};
}

/* The part of the text that is a domain name or the end of one. */
static struct bytes domain_of(enum form form, enum anchor_side side, struct bytes text)
{
    bool has_at = text.len && memchr(text.at, '@', text.len);

    if (form == FORM_URI || (form == FORM_ADDRESS && !has_at && side != ANCHOR_SUFFIX))
        return (struct bytes){0};
    return form == FORM_ADDRESS && has_at ? behind(text, '@') : text;
}

static bool check_case(const char *name, enum form form, enum anchor_side side, struct bytes text,
                       struct error *err)
{
    /* Kerberos realms are upper case, and the subject's address stays as it is. */
    bool lower = strcmp(name, "san.krb5") != 0 && strcmp(name, "subject.mail") != 0;

    return !lower || !has_upper(domain_of(form, side, text)) ||
           err_set(err, REASON_CONFIG_VALUE, "%s: domain names are in lower case here", name);
}

static bool check_suffix(enum form form, struct bytes text, struct error *err)
{
    bool whole = text.at[0] == '.' || (form == FORM_ADDRESS && memchr(text.at, '@', text.len));

    return form == FORM_URI || whole ||
           err_set(err, REASON_CONFIG_VALUE, "*%.*s also fits evil%.*s: write *%s%.*s",
                   (int)text.len, (const char *)text.at, (int)text.len, (const char *)text.at,
                   form == FORM_ADDRESS ? "@" : ".", (int)text.len, (const char *)text.at);
}

/* "https://a.example" also starts "https://a.example.evil/". */
static bool check_prefix(enum form form, struct bytes text, struct error *err)
{
    const uint8_t *authority = memmem(text.at, text.len, "://", 3);
    struct bytes rest;

    if (form != FORM_URI || !authority)
        return true;
    rest = (struct bytes){authority + 3, (size_t)(text.at + text.len - authority - 3)};
    return (rest.len && memchr(rest.at, '/', rest.len)) ||
           err_set(err, REASON_CONFIG_VALUE, "%.*s* also fits %.*s.evil: write %.*s/*",
                   (int)text.len, (const char *)text.at, (int)text.len, (const char *)text.at,
                   (int)text.len, (const char *)text.at);
}

bool anchor_check(const struct attribute *attribute, enum anchor_side side, struct bytes text,
                  struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(anchored); i++) {
        enum form form = anchored[i].form;

        if (strcmp(anchored[i].name, attribute->name) != 0 || text.len == 0)
            continue;
        if (!check_case(attribute->name, form, side, text, err))
            return false;
        if (side == ANCHOR_SUFFIX)
            return check_suffix(form, text, err);
        return side == ANCHOR_EXACT || check_prefix(form, text, err);
    }
    return true;
}
