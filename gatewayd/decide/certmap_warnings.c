/*
 * The traps of SSSD's rules, one row each. Run where a configuration is checked; pure.
 */
#include "gatewayd/decide/certmap_warnings.h"

#include "gatewayd/decide/certmap_fields.h"
#include "gatewayd/decide/certmap_rule.h"

/* --- of one condition ------------------------------------------------------------------------- */

static bool is_unanchored(const struct certmap_condition *condition)
{
    size_t len = strlen(condition->value);

    return condition->has_expression &&
           (condition->value[0] != '^' || len < 2 || condition->value[len - 1] != '$');
}

/* Anchors bind their own branch alone. */
static bool has_branches(const struct certmap_condition *condition)
{
    size_t depth = 0;

    for (const char *at = condition->value; condition->has_expression && *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '(')
            depth++;
        else if (*at == ')' && depth > 0)
            depth--;
        else if (*at == '|' && depth == 0)
            return true;
    }
    return false;
}

static bool is_san(const struct certmap_condition *condition)
{
    return condition->key == CERTMAP_SAN;
}

static bool is_short(const struct certmap_condition *condition)
{
    return condition->short_kind;
}

static bool is_key_usage(const struct certmap_condition *condition)
{
    return condition->key == CERTMAP_KU;
}

static bool is_no_usage(const struct certmap_condition *condition)
{
    return condition->key == CERTMAP_KU && condition->usage == 0;
}

static bool is_issuer(const struct certmap_condition *condition)
{
    return condition->key == CERTMAP_ISSUER;
}

static bool is_other_expression(const struct certmap_condition *condition)
{
    return condition->key == CERTMAP_SAN && condition->oid;
}

static bool is_octets(const struct certmap_condition *condition)
{
    return condition->octets.len > 0 && condition->san == CERTMAP_SAN_OTHER;
}

static bool is_dead(const struct certmap_condition *condition)
{
    return condition->key == CERTMAP_SAN &&
           (condition->san == CERTMAP_SAN_X400 || condition->san == CERTMAP_SAN_EDI ||
            (condition->san == CERTMAP_SAN_STRING_OTHER && !condition->oid));
}

static bool is_ip(const struct certmap_condition *condition)
{
    return condition->key == CERTMAP_SAN && condition->san == CERTMAP_SAN_IP;
}

static const struct {
    const char *name;
    bool (*applies)(const struct certmap_condition *condition);
    const char *text;
} condition_rows[] = {
    {"unanchored", is_unanchored,
     "the expression is not anchored at both ends, so it also fits any longer text"},
    {"branches", has_branches, "an anchor holds for its own branch of | alone: write ^(a|b)$"},
    {"issuer-text", is_issuer,
     "a name is no authority: whoever may call a CA so fits; ca = {...} binds the key"},
    {"san-all", is_san,
     "every alternative name of the kind must fit here and in SSSD; in MIT Kerberos one is enough"},
    {"san-prefix", is_short,
     "the kind is the beginning of a name; a typing error here is another kind, not an error"},
    {"ku-absent", is_key_usage, "a certificate without key usage extension fits every <KU>"},
    {"ku-nothing", is_no_usage, "<KU> without a usage fits every certificate"},
    {"other-der", is_other_expression,
     "the expression is matched with the DER of the value, tag and length included: ^ cannot fit "
     "the text"},
    {"other-anywhere", is_octets, "the octets may stand anywhere in any otherName"},
    {"never", is_dead, "no certificate can fit this condition"},
    {"ip-octets", is_ip, "SSSD matches the raw octets of an address, not its text"},
};

/* --- of one field ----------------------------------------------------------------------------- */

static bool may_repeat(const struct certmap_piece *piece)
{
    return piece->field->what == CERTMAP_FIELD_SAN;
}

static bool takes_first(const struct certmap_piece *piece)
{
    return (piece->field->what == CERTMAP_FIELD_SUBJECT_COMPONENT ||
            piece->field->what == CERTMAP_FIELD_ISSUER_COMPONENT) &&
           piece->number == 0;
}

static bool is_name(const struct certmap_piece *piece)
{
    return piece->field->what == CERTMAP_FIELD_ISSUER ||
           piece->field->what == CERTMAP_FIELD_SUBJECT ||
           (piece->field->what == CERTMAP_FIELD_SAN && piece->field->san == CERTMAP_SAN_DIRECTORY);
}

static bool is_cut(const struct certmap_piece *piece)
{
    return piece->part && piece->field->part == CERTMAP_SHORT_NAME;
}

static bool never_has_value(const struct certmap_piece *piece)
{
    return piece->field->what == CERTMAP_FIELD_SAN &&
           (piece->field->san == CERTMAP_SAN_X400 || piece->field->san == CERTMAP_SAN_EDI);
}

static bool is_ip_field(const struct certmap_piece *piece)
{
    return piece->field->what == CERTMAP_FIELD_SAN && piece->field->san == CERTMAP_SAN_IP;
}

static bool is_key_id(const struct certmap_piece *piece)
{
    return piece->field->what == CERTMAP_FIELD_KEY_ID;
}

static bool is_rid(const struct certmap_piece *piece)
{
    return piece->part && piece->field->part == CERTMAP_RID;
}

static bool is_weak_digest(const struct certmap_piece *piece)
{
    enum { DIGEST_STRONG = 32 }; /* octets: SHA-256 and longer */

    return piece->digest && EVP_MD_get_size(piece->digest) < DIGEST_STRONG;
}

static const struct {
    const char *name;
    bool (*applies)(const struct certmap_piece *piece);
    const char *text;
} field_rows[] = {
    {"last-name", may_repeat,
     "of several alternative names of the kind the last one of the certificate is taken"},
    {"short-name", is_cut,
     "what stands behind the separator is lost: alice@corp.example and alice@evil.example are one"},
    {"first-component", takes_first,
     "of several components the one next to the leaf is taken, whoever chose it"},
    {"flat-name", is_name,
     "the text does not show which components stood in one relative name, and calls every type "
     "without a name UNDEF"},
    {"no-value", never_has_value, "no certificate has this value here: the rule denies"},
    {"ip-octets", is_ip_field, "SSSD inserts the raw octets of an address, not its text"},
    {"key-id", is_key_id, "the issuer may put anything into the subject key identifier"},
    {"rid", is_rid, "a relative id is unique within its domain alone"},
    {"weak-digest", is_weak_digest,
     "collisions can be made for short digests: take sha256 or a longer one"},
};

/* --- of the rule ------------------------------------------------------------------------------ */

static bool has_key(const struct certmap_match *match, enum certmap_key key)
{
    for (size_t i = 0; i < match->n; i++)
        if (match->conditions[i].key == key)
            return true;
    return false;
}

static bool has_no_condition(const struct certmap_match *match)
{
    return match->n == 0;
}

static bool is_any(const struct certmap_match *match)
{
    return match->any && match->n > 1;
}

static bool has_no_usage(const struct certmap_match *match)
{
    return match->n > 0 && !has_key(match, CERTMAP_EKU);
}

static const struct {
    const char *name;
    bool (*applies)(const struct certmap_match *match);
    const char *text;
} rule_rows[] = {
    {"never", has_no_condition, "a rule without a condition matches no certificate"},
    {"any", is_any, "|| is for the whole rule: one condition is enough, however weak it is"},
    {"no-eku", has_no_usage,
     "without <EKU> certificates for any purpose match; SSSD's own default is <EKU>clientAuth"},
};

void certmap_warnings(const struct certmap_match *match, const struct certmap_map *map,
                      certmap_warn *warn, void *context)
{
    for (size_t i = 0; i < ARRAY_LEN(rule_rows); i++)
        if (rule_rows[i].applies(match))
            warn(context, rule_rows[i].name, rule_rows[i].text, "");
    for (size_t i = 0; i < ARRAY_LEN(condition_rows); i++)
        for (size_t k = 0; k < match->n; k++)
            if (condition_rows[i].applies(&match->conditions[k]))
                warn(context, condition_rows[i].name, condition_rows[i].text,
                     match->conditions[k].value);
    for (size_t i = 0; i < ARRAY_LEN(field_rows); i++)
        for (size_t k = 0; k < map->n; k++)
            if (map->pieces[k].field && field_rows[i].applies(&map->pieces[k]))
                warn(context, field_rows[i].name, field_rows[i].text, map->pieces[k].field->name);
}
