/*
 * Name constraints beyond X509_verify_cert, which compares ends of texts: a name that is not in its
 * form (a dot at the end, two signs of "at", an address as host) would slip past an exclusion. Runs
 * in edges on chains of strangers that have been verified, and in gatewayctl.
 */
#include "gatewayd/shared/verify_names.h"

#include "common/bytes.h"
#include "common/macros.h"

#include <ctype.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

/* --- forms ------------------------------------------------------------------------------------ */

static struct bytes octets_of(const ASN1_STRING *string)
{
    return (struct bytes){ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string)};
}

/* Labels of letters, digits, hyphens and underscores, none empty, none at the end (RFC 1034 3.5).
 */
static bool is_host(struct bytes name)
{
    bool in_label = false;

    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == '.' && !in_label)
            return false;
        if (name.at[i] != '.' && !isalnum(name.at[i]) && name.at[i] != '-' && name.at[i] != '_')
            return false;
        in_label = name.at[i] != '.';
    }
    return in_label;
}

static bool is_wildcard(struct bytes name)
{
    return name.len > 2 && name.at[0] == '*' && name.at[1] == '.';
}

static bool is_dns_name(struct bytes name)
{
    if (is_wildcard(name))
        name = (struct bytes){name.at + 2, name.len - 2};
    return is_host(name);
}

/* The last label of a host name has a letter; an address has digits only. */
static bool is_address(struct bytes host)
{
    for (size_t i = host.len; i > 0 && host.at[i - 1] != '.'; i--)
        if (!isdigit(host.at[i - 1]))
            return false;
    return true;
}

static struct bytes behind(struct bytes text, size_t n)
{
    return (struct bytes){text.at + n, text.len - n};
}

/* The host of SCHEME://[USER@]HOST[:PORT][/...] (RFC 3986 3.2); nothing where there is none. */
static struct bytes host_of(struct bytes uri)
{
    const uint8_t *colon = uri.len ? memchr(uri.at, ':', uri.len) : NULL;
    struct bytes authority, host;
    size_t end = 0;

    if (!colon || uri.len - (size_t)(colon - uri.at) < 3 || memcmp(colon, "://", 3) != 0)
        return (struct bytes){uri.at, 0};
    authority = behind(uri, (size_t)(colon - uri.at) + 3);
    while (end < authority.len && !memchr("/?#", authority.at[end], 3))
        end++;
    authority.len = end;
    host = authority;
    for (size_t i = 0; i < authority.len; i++)
        if (authority.at[i] == '@')
            host = behind(authority, i + 1);
    for (size_t i = 0; i < host.len; i++)
        if (host.at[i] == ':')
            host.len = i;
    return host;
}

/* "If a constraint is applied to the form and the name has no fully qualified host: reject." */
static bool is_uri(struct bytes uri)
{
    struct bytes host = host_of(uri);

    return is_host(host) && !is_address(host);
}

/* One sign of "at" between a local part and a host (RFC 5280 4.2.1.6); no quoted local parts. */
static bool is_mail(struct bytes mail)
{
    const uint8_t *at = mail.len ? memchr(mail.at, '@', mail.len) : NULL;

    return at && at != mail.at && is_host(behind(mail, (size_t)(at - mail.at) + 1));
}

/* RFC 4632: ones, then zeros. */
static bool is_network(struct bytes octets)
{
    bool zeros = false;

    if (octets.len != 8 && octets.len != 32)
        return false;
    for (size_t bit = octets.len * 4; bit < octets.len * 8; bit++) {
        bool one = octets.at[bit / 8] & (0x80 >> bit % 8);

        if (one && zeros)
            return false;
        zeros = !one;
    }
    return true;
}

/* --- constraints ------------------------------------------------------------------------------ */

static bool networks_are_good(const STACK_OF(GENERAL_SUBTREE) * trees)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(trees, i)->base;

        if (base->type == GEN_IPADD && !is_network(octets_of(base->d.iPAddress)))
            return false;
    }
    return true;
}

/* NULL, or what is wrong with the constraints themselves. */
static const char *constraints_are_wrong(const NAME_CONSTRAINTS *constraints)
{
    if (sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees) <= 0 &&
        sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees) <= 0)
        return "its name constraints constrain nothing";
    if (!networks_are_good(constraints->permittedSubtrees) ||
        !networks_are_good(constraints->excludedSubtrees))
        return "an address in its name constraints is no network";
    return NULL;
}

static bool trees_have(const STACK_OF(GENERAL_SUBTREE) * trees, int type)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++)
        if (sk_GENERAL_SUBTREE_value(trees, i)->base->type == type)
            return true;
    return false;
}

static bool constrain(const NAME_CONSTRAINTS *constraints, int type)
{
    return trees_have(constraints->permittedSubtrees, type) ||
           trees_have(constraints->excludedSubtrees, type);
}

/* --- names under them ------------------------------------------------------------------------- */

static bool ends_with(struct bytes name, struct bytes suffix)
{
    return name.len >= suffix.len && strncasecmp((const char *)name.at + name.len - suffix.len,
                                                 (const char *)suffix.at, suffix.len) == 0;
}

/* "*.a.example" also means every name right below a.example, so also one that is excluded there. */
static bool wildcard_reaches(struct bytes name, const NAME_CONSTRAINTS *constraints)
{
    const STACK_OF(GENERAL_SUBTREE) *trees = constraints->excludedSubtrees;

    for (int i = 0; is_wildcard(name) && i < sk_GENERAL_SUBTREE_num(trees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(trees, i)->base;

        if (base->type == GEN_DNS && ends_with(octets_of(base->d.dNSName), behind(name, 1)))
            return true;
    }
    return false;
}

static const struct {
    int type;
    bool (*is_good)(struct bytes name);
    const char *what;
} forms[] = {
    {GEN_DNS, is_dns_name, "a DNS name under name constraints is malformed"},
    {GEN_EMAIL, is_mail, "a mail address under name constraints is malformed"},
    {GEN_URI, is_uri, "a URI under name constraints has no host name"},
};

static const char *name_is_wrong(const GENERAL_NAME *name, const NAME_CONSTRAINTS *constraints)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (forms[i].type == name->type && constrain(constraints, name->type) &&
            !forms[i].is_good(octets_of(name->d.ia5)))
            return forms[i].what;
    if (name->type == GEN_DNS && wildcard_reaches(octets_of(name->d.dNSName), constraints))
        return "its wildcard name reaches into an excluded subtree";
    return NULL;
}

static const char *names_are_wrong(const X509 *certificate, const NAME_CONSTRAINTS *constraints)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const char *what = NULL;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !what; i++)
        what = name_is_wrong(sk_GENERAL_NAME_value(names, i), constraints);
    GENERAL_NAMES_free(names);
    return what;
}

/* --- all -------------------------------------------------------------------------------------- */

static bool refuse(struct verify_names_answer *answer, enum reason reason, int depth,
                   const char *what)
{
    *answer = (struct verify_names_answer){reason, depth, what};
    return false;
}

/* Not those that name themselves again, unless the leaf does (RFC 5280 6.1.3 b). */
static bool check_below(const STACK_OF(X509) * chain, int authority,
                        const NAME_CONSTRAINTS *constraints, struct verify_names_answer *answer)
{
    for (int i = authority - 1; i >= 0; i--) {
        X509 *certificate = sk_X509_value(chain, i);
        const char *what;

        if (i > 0 && (X509_get_extension_flags(certificate) & EXFLAG_SI))
            continue;
        what = names_are_wrong(certificate, constraints);
        if (what)
            return refuse(answer, REASON_CERT_NAME_CONSTRAINT, i, what);
    }
    return true;
}

static bool check_authority(const STACK_OF(X509) * chain, int depth,
                            struct verify_names_answer *answer)
{
    NAME_CONSTRAINTS *constraints =
        X509_get_ext_d2i(sk_X509_value(chain, depth), NID_name_constraints, NULL, NULL);
    const char *what;
    bool good;

    if (!constraints)
        return refuse(answer, REASON_CERT_EXTENSION, depth, "its name constraints are malformed");
    what = constraints_are_wrong(constraints);
    good = what ? refuse(answer, REASON_CERT_EXTENSION, depth, what)
                : check_below(chain, depth, constraints, answer);
    NAME_CONSTRAINTS_free(constraints);
    return good;
}

struct verify_names_answer verify_names(const STACK_OF(X509) * chain)
{
    struct verify_names_answer answer = {.reason = REASON_OK};

    if (X509_get_ext_by_NID(sk_X509_value(chain, 0), NID_name_constraints, -1) >= 0)
        (void)refuse(&answer, REASON_CERT_EXTENSION, 0, "it constrains names but is no authority");
    for (int i = sk_X509_num(chain) - 1; i > 0 && answer.reason == REASON_OK; i--)
        if (X509_get_ext_by_NID(sk_X509_value(chain, i), NID_name_constraints, -1) >= 0)
            (void)check_authority(chain, i, &answer);
    return answer;
}
