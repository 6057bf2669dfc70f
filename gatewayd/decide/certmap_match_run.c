/*
 * Applies matching rules of SSSD to certificates, in decide and gatewayctl. A value that may not be
 * used ends the evaluation where it would decide; nothing that is absent matches.
 */
#include "gatewayd/decide/certmap_rule.h"

#include "gatewayd/shared/xalloc.h"

/* Unanchored, case-sensitive. The text has no NUL: it is clean, or was looked at. */
static bool expression_fits(const struct certmap_condition *condition, struct bytes text)
{
    AUTO(char_freep) char *copy = xtext(text);

    return regexec(&condition->expression, copy, 0, NULL, 0) == 0;
}

static bool use(const char *why, const char *what, struct error *err)
{
    return !why || err_set(err, REASON_BAD_ENCODING, "certmap: %s: %s", what, why);
}

static bool has_usage(const struct certmap_certificate *certificate, const char *oid)
{
    for (size_t i = 0; i < certificate->n_usages; i++)
        if (strcmp(certificate->usages[i], oid) == 0)
            return true;
    return false;
}

static bool usages_fit(const struct certmap_condition *condition, bool any,
                       const struct certmap_certificate *certificate)
{
    size_t n = 0;

    for (size_t i = 0; i < condition->n_oids; i++)
        n += has_usage(certificate, condition->oids[i]);
    return any ? n > 0 : n == condition->n_oids;
}

static bool concerns(const struct certmap_condition *condition, const struct certmap_san *san)
{
    if (condition->san == CERTMAP_SAN_OTHER)
        return san->kind == CERTMAP_SAN_STRING_OTHER;
    if (condition->san == CERTMAP_SAN_STRING_OTHER)
        return san->kind == CERTMAP_SAN_STRING_OTHER && condition->oid &&
               strcmp(condition->oid, san->oid) == 0;
    return condition->san == san->kind;
}

/* SSSD matches the octets of an otherName up to their first NUL: those that have one are refused.
 */
static bool other_fits(const struct certmap_condition *condition, const struct certmap_san *san,
                       bool *ret_fits, struct error *err)
{
    if (condition->octets.len > 0) {
        *ret_fits = memmem(san->text.at, san->text.len, condition->octets.at,
                           condition->octets.len) != NULL;
        return true;
    }
    if (memchr(san->text.at, '\0', san->text.len))
        return use("a NUL", "otherName", err);
    *ret_fits = expression_fits(condition, san->text);
    return true;
}

static bool san_fits(const struct certmap_condition *condition, const struct certmap_san *san,
                     bool *ret_fits, struct error *err)
{
    if (!use(san->why, "alternative name", err))
        return false;
    if (san->kind == CERTMAP_SAN_STRING_OTHER)
        return other_fits(condition, san, ret_fits, err);
    if (san->kind == CERTMAP_SAN_DIRECTORY) {
        AUTO(writer_clear)
        struct writer out = writer_new((size_t)2 * CERTMAP_COMPONENTS_MAX * CERTMAP_NAME_MAX);

        certmap_name_text(&san->name, (struct certmap_name_form){.ad = false}, &out);
        *ret_fits = expression_fits(condition, writer_bytes(&out));
        return true;
    }
    *ret_fits = expression_fits(condition, san->text);
    return true;
}

/* Every name of the kind must fit, and there must be one. */
static bool sans_fit(const struct certmap_condition *condition,
                     const struct certmap_certificate *certificate, bool *ret_fits,
                     struct error *err)
{
    bool fits = false;

    if (!use(certificate->sans_why, "alternative names", err))
        return false;
    for (size_t i = certificate->n_sans; i-- > 0;) {
        if (!concerns(condition, &certificate->sans[i]))
            continue;
        if (!san_fits(condition, &certificate->sans[i], &fits, err))
            return false;
        if (!fits)
            break;
    }
    *ret_fits = fits;
    return true;
}

static bool condition_fits(const struct certmap_condition *condition, bool any,
                           const struct certmap_certificate *certificate, bool *ret_fits,
                           struct error *err)
{
    switch (condition->key) {
    case CERTMAP_ISSUER:
        *ret_fits = expression_fits(condition, bytes_of(certificate->issuer_text));
        return use(certificate->issuer.why, "issuer", err);
    case CERTMAP_SUBJECT:
        *ret_fits = expression_fits(condition, bytes_of(certificate->subject_text));
        return use(certificate->subject.why, "subject", err);
    case CERTMAP_KU:
        *ret_fits = (certificate->key_usage & condition->usage) == condition->usage;
        return true;
    case CERTMAP_EKU:
        *ret_fits = usages_fit(condition, any, certificate);
        return true;
    case CERTMAP_SAN:
        return sans_fit(condition, certificate, ret_fits, err);
    }
    return false;
}

bool certmap_match_holds(const struct certmap_match *match,
                         const struct certmap_certificate *certificate, bool *ret_holds,
                         struct error *err)
{
    bool fits = false;

    for (int key = CERTMAP_ISSUER; key <= CERTMAP_SAN; key++) {
        for (size_t i = 0; i < match->n; i++) {
            const struct certmap_condition *condition = &match->conditions[i];

            if ((int)condition->key != key)
                continue;
            if (!condition_fits(condition, match->any, certificate, &fits, err))
                return false;
            if (fits == match->any) {
                *ret_holds = fits;
                return true;
            }
        }
    }
    *ret_holds = fits;
    return true;
}
