/*
 * Revocation by the lists of the trust data. Runs in edges on certificates of strangers whose
 * signatures have been verified, and in gatewayctl. A search by name, then one by serial number: no
 * signature, no hash, and no copy of a certificate's distribution points unless a list has some.
 */
#include "gatewayd/shared/verify_revocation.h"

#include "gatewayd/shared/crl_form.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>

enum { POINTS_MAX = 64 }; /* distribution points of a certificate that are looked at */

struct list {
    const struct trust_crl *crl;
    X509_NAME *issuer;
    GENERAL_NAME **names; /* n_names of crl */
    X509_NAME **revoked;  /* n_revoked of crl: whose certificates each part names */
};

struct revocation {
    struct list *lists; /* sorted by issuer */
    size_t n;
    bool has_indirect;
};

/* One question on its way. */
struct asking {
    const struct revocation *revocation;
    X509 *certificate;
    const struct revocation_question *question;
    struct bytes serial;
    CRL_DIST_POINTS *points; /* of the certificate, when points_read */
    bool points_read;
    uint16_t covered; /* reasons of lists that are in time */
    uint16_t expired; /* reasons of others */
    struct revocation_answer answer;
};

/* --- making it -------------------------------------------------------------------------------- */

static X509_NAME *read_name(struct bytes der)
{
    const unsigned char *at = der.at;
    X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)der.len);

    if (name && at == der.at + der.len)
        return name;
    X509_NAME_free(name);
    return NULL;
}

static bool read_list(const struct trust_crl *crl, struct list *list)
{
    bool good;

    list->crl = crl;
    list->issuer = read_name(crl->issuer);
    list->names = xcalloc(crl->n_names + 1, sizeof(*list->names));
    list->revoked = xcalloc(crl->n_revoked + 1, sizeof(*list->revoked));
    good = list->issuer != NULL;
    for (size_t i = 0; i < crl->n_names; i++) {
        const unsigned char *at = crl->names[i].at;

        list->names[i] = d2i_GENERAL_NAME(NULL, &at, (long)crl->names[i].len);
        good = good && list->names[i];
    }
    for (size_t i = 0; i < crl->n_revoked; i++) {
        list->revoked[i] = read_name(crl->revoked[i].issuer);
        good = good && list->revoked[i];
    }
    return good;
}

static int compare(const void *a, const void *b)
{
    return X509_NAME_cmp(((const struct list *)a)->issuer, ((const struct list *)b)->issuer);
}

bool revocation_new(const struct trust_ca *ca, struct revocation **ret_revocation,
                    struct error *err)
{
    struct revocation *revocation = xcalloc(1, sizeof(*revocation));

    revocation->lists = xcalloc(ca->n_crls, sizeof(*revocation->lists));
    for (size_t i = 0; i < ca->n_crls; i++) {
        revocation->n++;
        revocation->has_indirect = revocation->has_indirect || ca->crls[i].indirect;
        if (read_list(&ca->crls[i], &revocation->lists[i]))
            continue;
        revocation_free(revocation);
        ERR_clear_error();
        return err_set(err, REASON_CERT_MALFORMED, "names of revocation list %zu", i);
    }
    if (revocation->n > 0)
        qsort(revocation->lists, revocation->n, sizeof(*revocation->lists), compare);
    *ret_revocation = revocation;
    return true;
}

struct revocation *revocation_free(struct revocation *revocation)
{
    for (size_t i = 0; revocation && i < revocation->n; i++) {
        struct list *list = &revocation->lists[i];

        for (size_t k = 0; k < list->crl->n_names; k++)
            GENERAL_NAME_free(list->names[k]);
        for (size_t k = 0; k < list->crl->n_revoked; k++)
            X509_NAME_free(list->revoked[k]);
        X509_NAME_free(list->issuer);
        free(list->names);
        free(list->revoked);
    }
    if (revocation)
        free(revocation->lists);
    free(revocation);
    return NULL;
}

/* --- distribution points of the certificate --------------------------------------------------- */

/* A malformed extension is no distribution point: then no list with a name of its own fits. */
static CRL_DIST_POINTS *points_of(struct asking *asking)
{
    if (!asking->points_read)
        asking->points =
            X509_get_ext_d2i(asking->certificate, NID_crl_distribution_points, NULL, NULL);
    asking->points_read = true;
    return asking->points;
}

static bool has_name(const GENERAL_NAMES *names, const GENERAL_NAME *name)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), (GENERAL_NAME *)(uintptr_t)name) == 0)
            return true;
    return false;
}

static bool names_issuer(const GENERAL_NAMES *names, const X509_NAME *issuer)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DIRNAME && X509_NAME_cmp(name->d.directoryName, issuer) == 0)
            return true;
    }
    return false;
}

/* The list's own name is among those of the point; one without a name fits every point. A point
 * without a name goes by its cRLIssuer (RFC 5280 6.3.3 b 2 i). */
static bool point_fits(const struct list *list, DIST_POINT *point)
{
    GENERAL_NAMES *full = crl_form_point_names(point->distpoint, list->issuer);
    const GENERAL_NAMES *names = point->distpoint ? full : point->CRLissuer;
    bool fits = list->crl->n_names == 0;

    for (size_t i = 0; i < list->crl->n_names && !fits; i++)
        fits = has_name(names, list->names[i]);
    GENERAL_NAMES_free(full);
    return fits;
}

/* The reasons for which the list speaks for the certificate through its distribution points. */
static uint16_t reasons_by_points(struct asking *asking, const struct list *list, bool direct)
{
    CRL_DIST_POINTS *points = points_of(asking);
    uint16_t reasons = 0;

    for (int i = 0; i < sk_DIST_POINT_num(points) && i < POINTS_MAX; i++) {
        DIST_POINT *point = sk_DIST_POINT_value(points, i);
        bool mine = point->CRLissuer ? names_issuer(point->CRLissuer, list->issuer) : direct;

        if (mine && point_fits(list, point))
            reasons |= crl_form_reasons(point->reasons);
    }
    return reasons & list->crl->reasons;
}

/* --- one list --------------------------------------------------------------------------------- */

static uint16_t reasons_covered(struct asking *asking, const struct list *list)
{
    const X509_NAME *issuer = X509_get_issuer_name(asking->certificate);
    bool direct = X509_NAME_cmp(list->issuer, issuer) == 0;
    bool is_ca = (X509_get_extension_flags(asking->certificate) & EXFLAG_CA) != 0;

    if (memcmp(list->crl->anchor.octets, asking->question->anchor.octets, HASH_LEN) != 0 ||
        !(list->crl->scope & (is_ca ? TRUST_SCOPE_CAS : TRUST_SCOPE_USERS)) ||
        (!direct && !list->crl->indirect))
        return 0;
    if (direct && list->crl->n_names == 0)
        return list->crl->reasons;
    return reasons_by_points(asking, list, direct);
}

static bool is_listed(const struct asking *asking, const struct list *list)
{
    const X509_NAME *issuer = X509_get_issuer_name(asking->certificate);

    for (size_t i = 0; i < list->crl->n_revoked; i++)
        if (X509_NAME_cmp(list->revoked[i], issuer) == 0 &&
            trust_revoked_has(&list->crl->revoked[i], asking->serial))
            return true;
    return false;
}

static int64_t later(int64_t time_s, uint32_t by_s)
{
    return time_s > INT64_MAX - by_s ? INT64_MAX : time_s + by_s;
}

static void ask_list(struct asking *asking, const struct list *list)
{
    struct revocation_answer *answer = &asking->answer;
    const struct trust_crl *crl = list->crl;
    uint16_t reasons = reasons_covered(asking, list);

    if (reasons == 0)
        return;
    if (is_listed(asking, list))
        answer->reason = REASON_CERT_REVOKED;
    if (later(crl->next_update_s, asking->question->grace_s) <= asking->question->now_s) {
        asking->expired |= reasons;
        return;
    }
    asking->covered |= reasons;
    if (answer->this_update_s == 0 || crl->this_update_s < answer->this_update_s)
        answer->this_update_s = crl->this_update_s;
    if (crl->next_update_s < answer->next_update_s)
        answer->next_update_s = crl->next_update_s;
}

static void ask_lists_of(struct asking *asking, const X509_NAME *issuer)
{
    const struct revocation *all = asking->revocation;
    size_t low = 0, high = all->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (X509_NAME_cmp(all->lists[middle].issuer, issuer) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < all->n && X509_NAME_cmp(all->lists[low].issuer, issuer) == 0; low++)
        ask_list(asking, &all->lists[low]);
}

/* Issuers of lists that the certificate names beside its own. */
static void ask_named_issuers(struct asking *asking)
{
    const X509_NAME *own = X509_get_issuer_name(asking->certificate);
    CRL_DIST_POINTS *points = points_of(asking);

    for (int i = 0; i < sk_DIST_POINT_num(points) && i < POINTS_MAX; i++) {
        const GENERAL_NAMES *names = sk_DIST_POINT_value(points, i)->CRLissuer;

        for (int k = 0; k < sk_GENERAL_NAME_num(names) && k < POINTS_MAX; k++) {
            const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, k);

            if (name->type == GEN_DIRNAME && X509_NAME_cmp(name->d.directoryName, own) != 0)
                ask_lists_of(asking, name->d.directoryName);
        }
    }
}

/* --- all -------------------------------------------------------------------------------------- */

static enum reason conclude(const struct asking *asking)
{
    if (asking->answer.reason != REASON_OK || asking->covered == TRUST_REASONS_ALL)
        return asking->answer.reason;
    if ((asking->covered | asking->expired) == TRUST_REASONS_ALL)
        return REASON_CRL_EXPIRED;
    return asking->covered | asking->expired ? REASON_CRL_INCOMPLETE : REASON_CRL_MISSING;
}

struct revocation_answer revocation_ask(const struct revocation *revocation, X509 *certificate,
                                        const struct revocation_question *question)
{
    struct asking asking = {.revocation = revocation,
                            .certificate = certificate,
                            .question = question,
                            .answer = {.reason = REASON_OK, .next_update_s = INT64_MAX}};

    if (!x509_serial(X509_get0_serialNumber(certificate), &asking.serial)) {
        asking.answer.reason = REASON_CERT_REVOKED; /* verify has refused it already */
        return asking.answer;
    }
    ask_lists_of(&asking, X509_get_issuer_name(certificate));
    if (revocation->has_indirect)
        ask_named_issuers(&asking);
    CRL_DIST_POINTS_free(asking.points);
    asking.answer.reason = conclude(&asking);
    return asking.answer;
}
