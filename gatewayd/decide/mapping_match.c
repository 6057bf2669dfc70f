/*
 * Match conditions: parsed once at load, tested per certificate by decide and gatewayctl. The
 * configuration is trusted, the values are not.
 */
#include "gatewayd/decide/mapping_match.h"

#include "gatewayd/decide/mapping_anchor.h"
#include "gatewayd/shared/xalloc.h"
#include "ldap/dn.h"

#include <regex.h>

/* NAME: whole distinguished names, by the form in which ldap/dn.h compares them. */
enum test_kind {
    TEST_EXACT,
    TEST_PREFIX,
    TEST_SUFFIX,
    TEST_EXPRESSION,
    TEST_NAME,
    TEST_NAME_SUFFIX
};

struct mapping_match {
    char *text;
    struct mapping_reference reference;
    enum test_kind kind;
    char *wanted;
    regex_t expression;
};

/* Operators, longest words first. `has` is `=` for one of several values. */
static const struct {
    const char *word;
    bool pattern;
    bool any;
} operators[] = {{" has ", false, true}, {"=", false, false}, {"~", true, false}};

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && text.at[0] == ' ')
        text = (struct bytes){text.at + 1, text.len - 1};
    while (text.len > 0 && text.at[text.len - 1] == ' ')
        text.len--;
    return text;
}

static bool starts_with(struct bytes text, const char *prefix)
{
    struct bytes start = bytes_of(prefix);

    return text.len >= start.len && memcmp(text.at, start.at, start.len) == 0;
}

static bool is_name(const struct mapping_match *match)
{
    return match->reference.attribute->kind == ATTRIBUTE_NAME;
}

static bool set_name(struct mapping_match *match, struct bytes value, enum test_kind kind,
                     struct error *err)
{
    struct dn dn;

    if (!dn_normalise(value, &dn))
        return err_set(err, REASON_CONFIG_VALUE, "no distinguished name (RFC 4514): %s",
                       match->text);
    match->kind = kind;
    match->wanted = xtext((struct bytes){dn.text, dn.len});
    return true;
}

static bool set_exact(struct mapping_match *match, struct bytes value, struct error *err)
{
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = (struct bytes){value.at + 1, value.len - 2};
    if (value.len == 0 || memchr(value.at, '"', value.len))
        return err_set(err, REASON_CONFIG_VALUE, "no plain value: %s", match->text);
    if (is_name(match))
        return set_name(match, value, TEST_NAME, err);
    match->kind = TEST_EXACT;
    match->wanted = xtext(value);
    return anchor_check(match->reference.attribute, ANCHOR_EXACT, value, err) ||
           err_in(err, "%s", match->text);
}

/* Back references would make the matching time exponential. */
static bool has_back_reference(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at != '\\')
            continue;
        at++;
        if (*at >= '0' && *at <= '9')
            return true;
        if (*at == '\0')
            break;
    }
    return false;
}

enum { GROUP_DEPTH_MAX = 4, COUNT_DIGITS_MAX = 2 };

/* What follows "{": two numbers of two digits at most. */
static bool is_large_count(const char *at)
{
    return !strchr(at, '}') || strspn(at, "0123456789") > COUNT_DIGITS_MAX ||
           strcspn(at, "}") > 2 * COUNT_DIGITS_MAX + 1;
}

/* A repetition of a repetition: glibc copies what is repeated, so each level doubles the memory. */
static bool is_costly(const char *text)
{
    bool repeated = false; /* what stands before was repeated */
    size_t depth = 0;

    for (const char *at = text; *at; at++) {
        bool repeats = strchr("*+?{", *at) != NULL;

        if (repeats && repeated)
            return true;
        if (*at == '{' && (at == text || at[-1] == ')' || is_large_count(at + 1)))
            return true;
        repeated = repeats;
        depth += *at == '(';
        depth -= *at == ')' && depth > 0;
        if (depth > GROUP_DEPTH_MAX)
            return true;
        if (*at == '{')
            at = strchr(at, '}');
        else if (*at == '\\' && at[1])
            at++;
    }
    return false;
}

static bool set_expression(struct mapping_match *match, struct bytes value, struct error *err)
{
    size_t len = value.len;

    match->wanted = xtext(value);
    if (len < 2 || value.at[0] != '^' || value.at[len - 1] != '$')
        return err_set(err, REASON_CONFIG_VALUE, "write the expression as re:^...$: %s",
                       match->text);
    if (has_back_reference(match->wanted))
        return err_set(err, REASON_CONFIG_VALUE, "no back references: %s", match->text);
    if (is_costly(match->wanted))
        return err_set(
            err, REASON_CONFIG_VALUE,
            "too costly: no repeated repetition, counts of two digits, groups %d deep: %s",
            GROUP_DEPTH_MAX, match->text);
    if (regcomp(&match->expression, match->wanted, REG_EXTENDED) != 0)
        return err_set(err, REASON_CONFIG_VALUE, "malformed expression: %s", match->text);
    match->kind = TEST_EXPRESSION;
    return true;
}

/* "*,O=Corp": parts of a text would also be found inside of a value. */
static bool set_name_pattern(struct mapping_match *match, struct bytes value, struct error *err)
{
    if (!starts_with(value, "*,"))
        return err_set(err, REASON_CONFIG_VALUE,
                       "whole names: write = \"...\", ~ *,O=..., or test subject.cn and so on: %s",
                       match->text);
    return set_name(match, (struct bytes){value.at + 2, value.len - 2}, TEST_NAME_SUFFIX, err);
}

static bool set_pattern(struct mapping_match *match, struct bytes value, struct error *err)
{
    bool begins, ends;

    if (is_name(match))
        return set_name_pattern(match, value, err);
    if (starts_with(value, "re:"))
        return set_expression(match, (struct bytes){value.at + 3, value.len - 3}, err);
    begins = value.len > 1 && value.at[0] == '*';
    ends = value.len > 1 && value.at[value.len - 1] == '*';
    if (begins == ends)
        return err_set(err, REASON_CONFIG_VALUE, "write prefix*, *suffix or re:^...$: %s",
                       match->text);
    match->kind = begins ? TEST_SUFFIX : TEST_PREFIX;
    value = (struct bytes){value.at + (begins ? 1 : 0), value.len - 1};
    if (memchr(value.at, '*', value.len))
        return err_set(err, REASON_CONFIG_VALUE, "more than one *: %s", match->text);
    match->wanted = xtext(value);
    return anchor_check(match->reference.attribute, begins ? ANCHOR_SUFFIX : ANCHOR_PREFIX, value,
                        err) ||
           err_in(err, "%s", match->text);
}

static bool set_reference(struct mapping_match *match, struct bytes name, bool any,
                          struct error *err)
{
    if (!mapping_reference_parse(trim(name), &match->reference, err))
        return err_in(err, "%s", match->text);
    if (match->reference.ad)
        return err_set(err, REASON_CONFIG_VALUE, "%s is for find alone: %s",
                       match->reference.ad->name, match->text);
    if (match->reference.attribute->binary)
        return err_set(err, REASON_CONFIG_VALUE, "%s cannot be matched: use cert!sha256",
                       match->reference.attribute->name);
    if (any)
        match->reference.many = MAPPING_ANY;
    return true;
}

static bool parse(struct mapping_match *match, struct bytes text, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        struct bytes word = bytes_of(operators[i].word);
        const uint8_t *at = memmem(text.at, text.len, word.at, word.len);
        struct bytes name, value;

        if (!at)
            continue;
        name = (struct bytes){text.at, (size_t)(at - text.at)};
        value = trim((struct bytes){at + word.len, text.len - name.len - word.len});
        /* The operator that comes first counts: a value may hold the others. */
        if (memchr(name.at, '=', name.len) || memchr(name.at, '~', name.len))
            continue;
        return set_reference(match, name, operators[i].any, err) &&
               (operators[i].pattern ? set_pattern(match, value, err)
                                     : set_exact(match, value, err));
    }
    return err_set(err, REASON_CONFIG_VALUE, "no condition (name = value, ~, has): %s",
                   match->text);
}

bool mapping_match_compile(struct bytes text, struct mapping_match **ret_match, struct error *err)
{
    struct mapping_match *match = xcalloc(1, sizeof(*match));

    match->text = xtext(text);
    if (!parse(match, text, err)) {
        (void)mapping_match_free(match);
        return false;
    }
    *ret_match = match;
    return true;
}

struct mapping_match *mapping_match_free(struct mapping_match *match)
{
    if (!match)
        return NULL;
    if (match->kind == TEST_EXPRESSION)
        regfree(&match->expression);
    free(match->text);
    free(match->wanted);
    free(match);
    return NULL;
}

const char *mapping_match_text(const struct mapping_match *match)
{
    return match->text;
}

const struct mapping_reference *mapping_match_reads(const struct mapping_match *match)
{
    return &match->reference;
}

const struct mapping_reference *mapping_match_pins(const struct mapping_match *match)
{
    return match->kind == TEST_EXACT || match->kind == TEST_NAME ? &match->reference : NULL;
}

/* Ends with the wanted relative names, or is them. */
static bool ends_in(struct bytes name, struct bytes wanted)
{
    size_t escapes = 0, at = name.len - wanted.len;

    if (name.len < wanted.len || memcmp(name.at + at, wanted.at, wanted.len) != 0)
        return false;
    if (at == 0)
        return true;
    while (escapes + 1 < at && name.at[at - 2 - escapes] == '\\')
        escapes++;
    return name.at[at - 1] == ',' && escapes % 2 == 0;
}

static bool name_matches(const struct mapping_match *match, struct bytes value)
{
    struct bytes wanted = bytes_of(match->wanted), name;
    struct dn dn;

    if (!dn_normalise(value, &dn))
        return false;
    name = (struct bytes){dn.text, dn.len};
    return match->kind == TEST_NAME ? bytes_equal(name, wanted) : ends_in(name, wanted);
}

/* Anchors bind only their own branch of "^a|b$": the match must span the whole value. */
static bool expression_matches(const struct mapping_match *match, struct bytes value)
{
    regmatch_t span;

    return regexec(&match->expression, (const char *)value.at, 1, &span, 0) == 0 &&
           span.rm_so == 0 && (size_t)span.rm_eo == value.len;
}

static bool matches(const struct mapping_match *match, struct bytes value)
{
    struct bytes wanted = bytes_of(match->wanted);

    switch (match->kind) {
    case TEST_EXACT:
        return bytes_equal(value, wanted);
    case TEST_PREFIX:
        return value.len >= wanted.len && memcmp(value.at, wanted.at, wanted.len) == 0;
    case TEST_SUFFIX:
        return value.len >= wanted.len &&
               memcmp(value.at + value.len - wanted.len, wanted.at, wanted.len) == 0;
    case TEST_EXPRESSION:
        return expression_matches(match, value);
    case TEST_NAME:
    case TEST_NAME_SUFFIX:
        return name_matches(match, value);
    }
    return false;
}

bool mapping_match_holds(const struct mapping_match *match, const struct identity *identity,
                         bool *ret_holds, struct error *err)
{
    struct mapping_values values;
    size_t n = 0;

    if (!mapping_values_of(&match->reference, identity, &values, err))
        return false;
    for (size_t i = 0; i < values.n; i++)
        n += matches(match, values.at[i]);
    *ret_holds = match->reference.many == MAPPING_ALL ? values.n > 0 && n == values.n : n > 0;
    return true;
}
