/*
 * Match conditions: parsed once at load, tested per certificate by decide and gatewayctl. The
 * configuration is trusted, the values are not.
 */
#include "gatewayd/decide/mapping_match.h"

#include "gatewayd/shared/xalloc.h"

#include <regex.h>

enum match_kind { MATCH_EXACT, MATCH_PREFIX, MATCH_SUFFIX, MATCH_EXPRESSION };

struct mapping_match {
    char *text;
    struct mapping_reference reference;
    enum match_kind kind;
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

static bool set_exact(struct mapping_match *match, struct bytes value, struct error *err)
{
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = (struct bytes){value.at + 1, value.len - 2};
    if (value.len == 0 || memchr(value.at, '"', value.len))
        return err_set(err, REASON_CONFIG_VALUE, "no plain value: %s", match->text);
    match->kind = MATCH_EXACT;
    match->wanted = xtext(value);
    return true;
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
    match->kind = MATCH_EXPRESSION;
    return true;
}

static bool set_pattern(struct mapping_match *match, struct bytes value, struct error *err)
{
    bool begins, ends;

    if (starts_with(value, "re:"))
        return set_expression(match, (struct bytes){value.at + 3, value.len - 3}, err);
    begins = value.len > 1 && value.at[0] == '*';
    ends = value.len > 1 && value.at[value.len - 1] == '*';
    if (begins == ends)
        return err_set(err, REASON_CONFIG_VALUE, "write prefix*, *suffix or re:^...$: %s",
                       match->text);
    match->kind = begins ? MATCH_SUFFIX : MATCH_PREFIX;
    value = (struct bytes){value.at + (begins ? 1 : 0), value.len - 1};
    if (memchr(value.at, '*', value.len))
        return err_set(err, REASON_CONFIG_VALUE, "more than one *: %s", match->text);
    match->wanted = xtext(value);
    return true;
}

static bool set_reference(struct mapping_match *match, struct bytes name, bool any,
                          struct error *err)
{
    if (!mapping_reference_parse(trim(name), &match->reference, err))
        return false;
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
    if (match->kind == MATCH_EXPRESSION)
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

const struct attribute *mapping_match_pins(const struct mapping_match *match)
{
    return match->kind == MATCH_EXACT ? match->reference.attribute : NULL;
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
    case MATCH_EXACT:
        return bytes_equal(value, wanted);
    case MATCH_PREFIX:
        return value.len >= wanted.len && memcmp(value.at, wanted.at, wanted.len) == 0;
    case MATCH_SUFFIX:
        return value.len >= wanted.len &&
               memcmp(value.at + value.len - wanted.len, wanted.at, wanted.len) == 0;
    case MATCH_EXPRESSION:
        return expression_matches(match, value);
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
        n += matches(match, values.at[i]->text);
    *ret_holds = match->reference.many == MAPPING_ALL ? values.n > 0 && n == values.n : n > 0;
    return true;
}
