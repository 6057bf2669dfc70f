/*
 * The form of a revocation list. Runs in load and in gatewayctl on octets that a CA has written;
 * what is in doubt is refused, since a list that is understood in part frees those that it names.
 */
#include "gatewayd/shared/crl_form.h"

#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>

/* --- names and reasons ------------------------------------------------------------------------ */

static GENERAL_NAMES *names_of_directory_name(const X509_NAME *name)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *one = GENERAL_NAME_new();
    X509_NAME *copy = X509_NAME_dup(name);

    if (!names || !one || !copy)
        abort();
    GENERAL_NAME_set0_value(one, GEN_DIRNAME, copy);
    if (sk_GENERAL_NAME_push(names, one) == 0)
        abort();
    return names;
}

/* A relative name is added to the name of the issuer (RFC 5280 4.2.1.13). */
GENERAL_NAMES *crl_form_point_names(DIST_POINT_NAME *point, const X509_NAME *issuer)
{
    if (!point)
        return NULL;
    if (point->type == 0)
        return sk_GENERAL_NAME_deep_copy(point->name.fullname, GENERAL_NAME_dup, GENERAL_NAME_free);
    if (DIST_POINT_set_dpname(point, issuer) != 1 || !point->dpname)
        return NULL;
    return names_of_directory_name(point->dpname);
}

uint16_t crl_form_reasons(const ASN1_BIT_STRING *flags)
{
    uint16_t reasons = 0;

    if (!flags)
        return TRUST_REASONS_ALL;
    for (int bit = 1; bit <= 8; bit++)
        if (ASN1_BIT_STRING_get_bit(flags, bit))
            reasons |= (uint16_t)(1U << bit);
    return reasons;
}

/* --- extensions of the list ------------------------------------------------------------------- */

/* What the issuing distribution point narrows it to (RFC 5280 5.2.5). */
static bool take_point(struct crl_list *list, const ISSUING_DIST_POINT *point, struct error *err)
{
    if (point->onlyattr > 0)
        return err_set(err, REASON_FILE_MALFORMED, "it is for attribute certificates");
    if (point->onlyuser > 0 && point->onlyCA > 0)
        return err_set(err, REASON_FILE_MALFORMED, "it is for users only and for CAs only");
    if (point->onlyuser > 0)
        list->scope = TRUST_SCOPE_USERS;
    if (point->onlyCA > 0)
        list->scope = TRUST_SCOPE_CAS;
    list->indirect = point->indirectCRL > 0;
    list->reasons = crl_form_reasons(point->onlysomereasons);
    if (list->reasons == 0)
        return err_set(err, REASON_FILE_MALFORMED, "it is for no reason at all");
    list->names = crl_form_point_names(point->distpoint, X509_CRL_get_issuer(list->crl));
    if (point->distpoint && (!list->names || sk_GENERAL_NAME_num(list->names) == 0 ||
                             sk_GENERAL_NAME_num(list->names) > TRUST_NAMES_MAX))
        return err_set(err, REASON_FILE_MALFORMED, "the name of its distribution point");
    return true;
}

static bool read_point(struct crl_list *list, struct error *err)
{
    int critical = -1;
    ISSUING_DIST_POINT *point =
        X509_CRL_get_ext_d2i(list->crl, NID_issuing_distribution_point, &critical, NULL);
    bool good;

    list->scope = TRUST_SCOPE_ALL;
    list->reasons = TRUST_REASONS_ALL;
    if (!point)
        return critical == -1 ||
               err_set(err, REASON_FILE_MALFORMED, "its issuing distribution point");
    good = take_point(list, point, err);
    ISSUING_DIST_POINT_free(point);
    return good;
}

/* False when the extension is there and is no number that we can use. */
static bool read_number(const X509_CRL *crl, int nid, struct bytes *ret_number, bool *ret_there)
{
    int critical = -1;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, nid, &critical, NULL);
    struct bytes octets = {NULL, 0};
    bool good = critical == -1;

    *ret_there = critical != -1;
    if (number) {
        (void)!x509_serial(number, &octets); /* zero is a number: no octets */
        good = ASN1_STRING_type(number) == V_ASN1_INTEGER && octets.len <= TRUST_SERIAL_LEN;
    }
    if (good && *ret_there)
        *ret_number = xbytes(octets);
    ASN1_INTEGER_free(number);
    return good;
}

static bool read_numbers(struct crl_list *list, struct error *err)
{
    bool has_number;

    if (!read_number(list->crl, NID_crl_number, &list->number, &has_number))
        return err_set(err, REASON_FILE_MALFORMED, "its number");
    if (!read_number(list->crl, NID_delta_crl, &list->base, &list->delta))
        return err_set(err, REASON_FILE_MALFORMED, "the number of its base");
    /* Without one an older list could not be told from a newer one of the same second. */
    if (!has_number)
        return err_set(err, REASON_FILE_MALFORMED, "it has no number (RFC 5280 5.2.3)");
    return true;
}

static bool is_known_extension(int nid)
{
    switch (nid) {
    case NID_issuing_distribution_point:
    case NID_delta_crl:
    case NID_crl_number:
    case NID_authority_key_identifier:
        return true;
    default:
        return false;
    }
}

static bool check_extensions(const X509_CRL *crl, struct error *err)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

        if (X509_EXTENSION_get_critical(extension) && !is_known_extension(nid))
            return err_set(err, REASON_FILE_MALFORMED, "it has an unknown critical extension");
        if (X509_CRL_get_ext_by_NID(crl, nid, i) >= 0 && nid != NID_undef)
            return err_set(err, REASON_FILE_MALFORMED, "it has the same extension twice");
    }
    return true;
}

/* --- entries ---------------------------------------------------------------------------------- */

static bool is_known_entry_extension(int nid)
{
    return nid == NID_certificate_issuer || nid == NID_crl_reason || nid == NID_invalidity_date;
}

static bool check_entry(const X509_REVOKED *entry, bool indirect)
{
    for (int i = 0; i < X509_REVOKED_get_ext_count(entry); i++) {
        X509_EXTENSION *extension = X509_REVOKED_get_ext(entry, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

        if (nid == NID_certificate_issuer && !indirect)
            return false;
        if (X509_EXTENSION_get_critical(extension) && !is_known_entry_extension(nid))
            return false;
    }
    return true;
}

static bool check_entries(const struct crl_list *list, struct error *err)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list->crl);

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++)
        if (!check_entry(sk_X509_REVOKED_value(entries, i), list->indirect))
            return err_set(err, REASON_FILE_MALFORMED,
                           "entry %d has an extension that is unknown, or for indirect lists only",
                           i);
    return true;
}

/* --- all -------------------------------------------------------------------------------------- */

static bool read_times(struct crl_list *list, struct error *err)
{
    if (!x509_time_s(X509_CRL_get0_lastUpdate(list->crl), &list->this_update_s))
        return err_set(err, REASON_FILE_MALFORMED, "its thisUpdate");
    if (!x509_time_s(X509_CRL_get0_nextUpdate(list->crl), &list->next_update_s))
        return err_set(err, REASON_FILE_MALFORMED, "it has no nextUpdate");
    if (list->this_update_s < 0 || list->next_update_s < list->this_update_s)
        return err_set(err, REASON_FILE_MALFORMED, "its nextUpdate lies before its thisUpdate");
    return true;
}

bool crl_form_read(X509_CRL *crl, const char *file, struct crl_list *ret_list, struct error *err)
{
    struct crl_list list = {.crl = crl, .file = xstrdup(file)};

    if (read_times(&list, err) && check_extensions(crl, err) && read_point(&list, err) &&
        read_numbers(&list, err) && check_entries(&list, err)) {
        *ret_list = list;
        return true;
    }
    ERR_clear_error();
    crl_form_clear(&list);
    return false;
}

void crl_form_clear(struct crl_list *list)
{
    X509_CRL_free(list->crl);
    GENERAL_NAMES_free(list->names);
    free(list->file);
    free((void *)list->number.at);
    free((void *)list->base.at);
    *list = (struct crl_list){.crl = NULL};
}

int crl_form_compare_numbers(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len == 0 ? 0 : memcmp(a.at, b.at, a.len);
}
