/*
 * What is asked of an entry before it becomes the account: the cross-checks of identity.md D6 and
 * D7. decide and gatewayctl run it; what is missing on either side never passes for a match.
 */
#include "gatewayd/decide/mapping_rule.h"

#include "gatewayd/decide/mapping_suffix.h"

#include <stdio.h>

static enum reason say(char ret_detail[ERROR_DETAIL_MAX], enum reason reason, const char *detail)
{
    (void)snprintf(ret_detail, ERROR_DETAIL_MAX, "%s", detail);
    return reason;
}

/* --- strength --------------------------------------------------------------------------------- */

/* spiffe://DOMAIN/path; trust domains are in lower case (SPIFFE ID 2.1). */
static bool is_in_domain(struct bytes id, const char *domain)
{
    static const char scheme[] = "spiffe://";
    size_t start = sizeof(scheme) - 1, len = strlen(domain);

    return id.len > start + len && memcmp(id.at, scheme, start) == 0 &&
           memcmp(id.at + start, domain, len) == 0 && id.at[start + len] == '/';
}

static bool is_in_trust_domain(const struct mapping_rule *rule,
                               const struct mapping_request *request)
{
    const struct attribute *attribute = attribute_find(bytes_of("spiffe_id"));
    const struct identity_value *value =
        attribute ? identity_next(request->identity, attribute, NULL) : NULL;

    if (!value || value->fault != REASON_OK)
        return false;
    for (size_t i = 0; i < rule->n_cas; i++)
        if (strcmp(rule->cas[i].title, request->ca) == 0)
            return rule->cas[i].trust_domain &&
                   is_in_domain(value->text, rule->cas[i].trust_domain);
    return false;
}

bool mapping_is_strong_for(const struct mapping_rule *rule, const struct mapping_request *request)
{
    return rule->strong && (!rule->by_spiffe || is_in_trust_domain(rule, request));
}

/* Malformed policies are none. */
static bool has_policy(const struct mapping_rule *rule, const struct identity *identity)
{
    const struct attribute *attribute = attribute_find(bytes_of("policy"));
    const struct identity_value *value = NULL;

    while (attribute && (value = identity_next(identity, attribute, value)))
        for (size_t i = 0; value->fault == REASON_OK && i < rule->n_weak_policies; i++)
            if (bytes_equal(value->text, bytes_of(rule->weak_policies[i])))
                return true;
    return false;
}

/* The triple of KB5014754: this authority, and such a policy, and such a name. */
static enum reason check_weak(const struct mapping_rule *rule,
                              const struct mapping_request *request,
                              char ret_detail[ERROR_DETAIL_MAX])
{
    struct bytes name;

    if (!rule->weak_allowed)
        return say(ret_detail, REASON_WEAK_MAPPING, "found by a name");
    if (rule->n_weak_policies && !has_policy(rule, request->identity))
        return say(ret_detail, REASON_WEAK_MAPPING, "no policy of weak_policies");
    if (rule->n_weak_suffixes &&
        !mapping_suffix_holds(rule->find, request->identity, rule->weak_suffixes,
                              rule->n_weak_suffixes, &name)) {
        (void)snprintf(ret_detail, ERROR_DETAIL_MAX, "not one of weak_suffixes: %.*s",
                       (int)name.len, (const char *)name.at);
        return REASON_WEAK_MAPPING;
    }
    return REASON_OK;
}

/* --- cross-checks ----------------------------------------------------------------------------- */

/* Whichever rule has found the entry: a certificate for another security identifier is not its. */
static enum reason check_sid(const struct mapping_request *request,
                             const struct replica_entry *entry, char ret_detail[ERROR_DETAIL_MAX])
{
    const struct bytes name = bytes_of("objectSid");
    const struct attribute *attribute = attribute_find(bytes_of("sid"));
    const struct identity_value *value =
        attribute ? identity_next(request->identity, attribute, NULL) : NULL;

    if (!value || !replica_entry_value(request->replica, entry, name, 0).at)
        return REASON_OK;
    if (value->fault != REASON_OK)
        return say(ret_detail, value->fault, "the security identifier of the certificate");
    if (identity_next(request->identity, attribute, value))
        return say(ret_detail, REASON_MULTI_VALUE, "the security identifier of the certificate");
    if (replica_entry_has(request->replica, entry, name, value->text))
        return REASON_OK;
    return say(ret_detail, REASON_SID_MISMATCH, (const char *)value->text.at);
}

static enum reason check_confirms(const struct mapping_rule *rule,
                                  const struct mapping_request *request,
                                  const struct replica_entry *entry,
                                  char ret_detail[ERROR_DETAIL_MAX])
{
    for (size_t i = 0; i < rule->n_confirms; i++) {
        struct error err;
        bool holds;

        if (!mapping_find_holds(rule->confirms[i], request->identity, request->replica, entry,
                                &holds, &err))
            return say(ret_detail, err.reason, err.detail);
        if (!holds) {
            (void)snprintf(ret_detail, ERROR_DETAIL_MAX, "confirm %zu of mapping %s", i + 1,
                           rule->title);
            return REASON_CONFIRM_MISMATCH;
        }
    }
    return REASON_OK;
}

enum reason mapping_check_entry(const struct mapping_rule *rule,
                                const struct mapping_request *request,
                                const struct replica_entry *entry,
                                char ret_detail[ERROR_DETAIL_MAX])
{
    enum reason reason = check_sid(request, entry, ret_detail);

    if (reason == REASON_OK)
        reason = check_confirms(rule, request, entry, ret_detail);
    if (reason == REASON_OK && !mapping_is_strong_for(rule, request))
        reason = check_weak(rule, request, ret_detail);
    return reason;
}

/* A name proves nothing about an account that was made after the certificate (KB5014754, 40). */
enum reason mapping_check_age(const struct mapping_request *request, const struct account *account,
                              char ret_detail[ERROR_DETAIL_MAX])
{
    if (account->created_s < 0)
        return say(ret_detail, REASON_WEAK_MAPPING,
                   "the age of the account (createTimestamp) is unknown");
    if (request->identity->not_before_s < account->created_s)
        return say(ret_detail, REASON_CERT_OLDER_THAN_ACCOUNT, account->dn);
    return REASON_OK;
}
