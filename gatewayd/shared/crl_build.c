/*
 * Revocation lists out of files. Runs in load and in gatewayctl on octets that a CA has written.
 * RFC 5280 6.3; what is checked here is never checked again per connection.
 */
#include "gatewayd/shared/crl_build.h"

#include "common/text.h"
#include "gatewayd/shared/crl_form.h"
#include "gatewayd/shared/crl_serials.h"
#include "gatewayd/shared/crl_signer.h"
#include "gatewayd/shared/crl_stay.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct crl_build {
    struct crl_list *lists;
    bool *good; /* beside lists: its signer and signature have been checked */
    size_t n_lists;
    struct trust_crl *accepted;
    bool *own; /* beside accepted: what it points to is ours, not of the trust data in force */
    size_t n_accepted;
};

static struct bytes der_of_name(const X509_NAME *name)
{
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(name, &der);
    struct bytes octets;

    if (len <= 0)
        abort();
    octets = xbytes((struct bytes){der, (size_t)len});
    OPENSSL_free(der);
    return octets;
}

static void clear_accepted(struct trust_crl *crl)
{
    free((void *)crl->issuer.at);
    free((void *)crl->number.at);
    for (size_t i = 0; i < crl->n_names; i++)
        free((void *)crl->names[i].at);
    free((void *)crl->names);
    crl_serials_free(crl->revoked, crl->n_revoked);
}

struct crl_build *crl_build_new(void)
{
    struct crl_build *build = xcalloc(1, sizeof(*build));

    return build;
}

struct crl_build *crl_build_free(struct crl_build *build)
{
    if (!build)
        return NULL;
    for (size_t i = 0; i < build->n_lists; i++)
        crl_form_clear(&build->lists[i]);
    for (size_t i = 0; i < build->n_accepted; i++)
        if (build->own[i])
            clear_accepted(&build->accepted[i]);
    free(build->lists);
    free(build->good);
    free(build->accepted);
    free(build->own);
    free(build);
    return NULL;
}

const struct trust_crl *crl_build_lists(const struct crl_build *build)
{
    return build ? build->accepted : NULL;
}

size_t crl_build_n_lists(const struct crl_build *build)
{
    return build ? build->n_accepted : 0;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Takes crl. */
static bool add_list(struct crl_build *build, const char *file, X509_CRL *crl, struct error *err)
{
    struct crl_list list;

    if (!crl_form_read(crl, file, &list, err))
        return false;
    build->lists = xrealloc(build->lists, build->n_lists + 1, sizeof(*build->lists));
    build->lists[build->n_lists++] = list;
    return true;
}

static bool read_pem(struct crl_build *build, const char *file, struct bytes octets,
                     struct error *err)
{
    AUTO(bio_freep) BIO *bio = BIO_new_mem_buf(octets.at, (int)octets.len);
    size_t n = 0;
    X509_CRL *next;
    bool ended;

    ERR_clear_error();
    while (bio && (next = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        n++;
        if (!add_list(build, file, next, err))
            return false;
    }
    ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!ended)
        return err_set(err, REASON_FILE_MALFORMED, "revocation list %zu of the file", n + 1);
    return n > 0 || err_set(err, REASON_FILE_EMPTY, "no revocation list in it");
}

bool crl_build_read(struct crl_build **build, const char *file, struct bytes octets,
                    struct error *err)
{
    const unsigned char *at = octets.at;
    X509_CRL *crl;

    if (!*build)
        *build = crl_build_new();
    if (octets.len == 0)
        return err_set(err, REASON_FILE_EMPTY, "no revocation list in it");
    if (octets.at[0] != 0x30) /* not a DER SEQUENCE */
        return read_pem(*build, file, octets, err);
    crl = d2i_X509_CRL(NULL, &at, (long)octets.len);
    ERR_clear_error();
    if (crl && at == octets.at + octets.len)
        return add_list(*build, file, crl, err);
    X509_CRL_free(crl);
    return err_set(err, REASON_FILE_MALFORMED, "no DER revocation list");
}

/* --- which of several ------------------------------------------------------------------------- */

static bool names_equal(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
    if (!a || !b)
        return a == b;
    if (sk_GENERAL_NAME_num(a) != sk_GENERAL_NAME_num(b))
        return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(a); i++)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(a, i), sk_GENERAL_NAME_value(b, i)) != 0)
            return false;
    return true;
}

/* Both speak for the same certificates. */
static bool is_same_kind(const struct crl_list *a, const struct crl_list *b)
{
    return a->scope == b->scope && a->indirect == b->indirect && a->reasons == b->reasons &&
           memcmp(a->anchor.octets, b->anchor.octets, HASH_LEN) == 0 &&
           X509_NAME_cmp(X509_CRL_get_issuer(a->crl), X509_CRL_get_issuer(b->crl)) == 0 &&
           names_equal(a->names, b->names);
}

static bool is_newer(const struct crl_list *a, const struct crl_list *b)
{
    int order = a->number.at && b->number.at ? crl_form_compare_numbers(a->number, b->number) : 0;

    return order > 0 || (order == 0 && a->this_update_s > b->this_update_s);
}

/* Another good list of the same kind is newer, or as new and stands before. */
static bool is_outdated(const struct crl_build *build, size_t index)
{
    const struct crl_list *list = &build->lists[index];

    for (size_t i = 0; i < build->n_lists; i++) {
        const struct crl_list *other = &build->lists[i];

        if (i != index && build->good[i] && other->delta == list->delta &&
            is_same_kind(other, list) &&
            (is_newer(other, list) || (!is_newer(list, other) && i < index)))
            return true;
    }
    return false;
}

/* The newest delta that may be joined to this base (RFC 5280 5.2.4). */
static const struct crl_list *find_delta(const struct crl_build *build, const struct crl_list *base)
{
    for (size_t i = 0; i < build->n_lists; i++) {
        const struct crl_list *delta = &build->lists[i];

        if (build->good[i] && delta->delta && is_same_kind(delta, base) && base->number.at &&
            !is_outdated(build, i) && crl_form_compare_numbers(base->number, delta->base) >= 0 &&
            crl_form_compare_numbers(delta->number, base->number) > 0)
            return delta;
    }
    return NULL;
}

static bool has_base(const struct crl_build *build, const struct crl_list *delta)
{
    for (size_t i = 0; i < build->n_lists; i++)
        if (build->good[i] && !build->lists[i].delta && is_same_kind(&build->lists[i], delta) &&
            build->lists[i].number.at &&
            crl_form_compare_numbers(build->lists[i].number, delta->base) >= 0)
            return true;
    return false;
}

/* --- the sorted form -------------------------------------------------------------------------- */

static const struct bytes *ders_of_names(const GENERAL_NAMES *names, size_t *ret_n)
{
    size_t n = names ? (size_t)sk_GENERAL_NAME_num(names) : 0;
    struct bytes *all = n ? xcalloc(n, sizeof(*all)) : NULL;

    for (size_t i = 0; i < n; i++) {
        unsigned char *der = NULL;
        int len = i2d_GENERAL_NAME(sk_GENERAL_NAME_value(names, (int)i), &der);

        if (len <= 0)
            abort();
        all[i] = xbytes((struct bytes){der, (size_t)len});
        OPENSSL_free(der);
    }
    *ret_n = n;
    return all;
}

static struct trust_crl sorted_form(const struct crl_list *base, const struct crl_list *delta)
{
    const struct crl_list *newest = delta ? delta : base;
    struct trust_crl crl = {.issuer = der_of_name(X509_CRL_get_issuer(base->crl)),
                            .anchor = base->anchor,
                            .scope = base->scope,
                            .indirect = base->indirect,
                            .reasons = base->reasons,
                            .this_update_s = newest->this_update_s,
                            .next_update_s = base->next_update_s};

    if (delta && delta->next_update_s > crl.next_update_s)
        crl.next_update_s = delta->next_update_s;
    if (newest->number.at)
        crl.number = xbytes(newest->number);
    crl.names = ders_of_names(base->names, &crl.n_names);
    crl.revoked =
        crl_serials_collect(base->crl, delta ? delta->crl : NULL, base->indirect, &crl.n_revoked);
    return crl;
}

static void accept_list(struct crl_build *build, const struct trust_crl *crl, bool own)
{
    build->accepted = xrealloc(build->accepted, build->n_accepted + 1, sizeof(*build->accepted));
    build->own = xrealloc(build->own, build->n_accepted + 1, sizeof(*build->own));
    build->own[build->n_accepted] = own;
    build->accepted[build->n_accepted++] = *crl;
}

/* --- against what is in force ----------------------------------------------------------------- */

static bool is_same_coverage(const struct trust_crl *a, const struct trust_crl *b)
{
    if (a->scope != b->scope || a->indirect != b->indirect || a->reasons != b->reasons ||
        a->n_names != b->n_names || !bytes_equal(a->issuer, b->issuer) ||
        memcmp(a->anchor.octets, b->anchor.octets, HASH_LEN) != 0)
        return false;
    for (size_t i = 0; i < a->n_names; i++)
        if (!bytes_equal(a->names[i], b->names[i]))
            return false;
    return true;
}

static bool is_older(const struct trust_crl *a, const struct trust_crl *b)
{
    int order = a->number.len && b->number.len ? crl_form_compare_numbers(a->number, b->number) : 0;

    return order < 0 || (order == 0 && a->this_update_s < b->this_update_s);
}

/* The list in force for the same certificates, if that one is newer. */
static const struct trust_crl *find_newer(const struct trust_ca *in_force,
                                          const struct trust_crl *crl)
{
    for (size_t i = 0; in_force && i < in_force->n_crls; i++)
        if (is_same_coverage(&in_force->crls[i], crl) && is_older(crl, &in_force->crls[i]))
            return &in_force->crls[i];
    return NULL;
}

static void tell(const struct crl_build_request *request, const char *file, bool stops,
                 const struct error *err)
{
    request->errors->found(request->errors->context, file, stops, err);
}

/* An older list would free whom the newer one has revoked: the newer one stays. */
static void keep(struct crl_build *build, const struct crl_build_request *request,
                 const struct crl_list *list)
{
    struct trust_crl crl = sorted_form(list, find_delta(build, list));
    const struct trust_crl *newer = find_newer(request->in_force, &crl);
    char old_text[32], new_text[32];
    struct error err;

    if (!newer) {
        accept_list(build, &crl, true);
        return;
    }
    text_format_time_ms(crl.this_update_s * 1000, old_text);
    text_format_time_ms(newer->this_update_s * 1000, new_text);
    (void)err_set(&err, REASON_CRL_ROLLBACK, "it is of %s, the one in force of %s stays", old_text,
                  new_text);
    tell(request, list->file, false, &err);
    clear_accepted(&crl);
    accept_list(build, newer, false);
}

/* --- all -------------------------------------------------------------------------------------- */

static void warn_of_list(const struct crl_build *build, const struct crl_build_request *request,
                         const struct crl_list *list)
{
    struct error err = {.reason = REASON_OK};

    if (list->delta && !has_base(build, list))
        (void)err_set(&err, REASON_CRL_INCOMPLETE, "a delta list without its base");
    else if (list->next_update_s < request->now_s)
        (void)err_set(&err, REASON_CRL_EXPIRED, "its nextUpdate was %lld s ago",
                      (long long)(request->now_s - list->next_update_s));
    else if (list->this_update_s > request->now_s)
        (void)err_set(&err, REASON_CERT_NOT_YET_VALID, "its thisUpdate lies in the future");
    if (err.reason != REASON_OK)
        tell(request, list->file, false, &err);
}

/* The signer is on an accepted list of its own issuer: what it signs counts no more. */
static bool signer_is_revoked(const struct crl_build *build, const struct crl_list *list)
{
    const X509_NAME *issuer = X509_get_issuer_name(list->signer);
    struct bytes serial;
    bool revoked = false;

    if (!x509_serial(X509_get0_serialNumber(list->signer), &serial))
        return false;
    for (size_t i = 0; i < build->n_accepted && !revoked; i++)
        for (size_t k = 0; k < build->accepted[i].n_revoked && !revoked; k++)
            revoked =
                memcmp(build->accepted[i].anchor.octets, list->anchor.octets, HASH_LEN) == 0 &&
                trust_revoked_has(&build->accepted[i].revoked[k], serial) &&
                crl_stay_is_name(build->accepted[i].revoked[k].issuer, issuer);
    return revoked;
}

static void keep_all(struct crl_build *build, const struct crl_build_request *request)
{
    for (size_t i = 0; i < build->n_lists; i++) {
        if (!build->good[i] || is_outdated(build, i))
            continue;
        warn_of_list(build, request, &build->lists[i]);
        if (!build->lists[i].delta)
            keep(build, request, &build->lists[i]);
    }
}

static void drop_accepted(struct crl_build *build)
{
    for (size_t i = 0; i < build->n_accepted; i++)
        if (build->own[i])
            clear_accepted(&build->accepted[i]);
    build->n_accepted = 0;
}

/* True when a list fell away. */
static bool drop_revoked_signers(struct crl_build *build, const struct crl_build_request *request)
{
    bool dropped = false;

    for (size_t i = 0; i < build->n_lists; i++) {
        struct error err;

        if (!build->good[i] || !signer_is_revoked(build, &build->lists[i]))
            continue;
        build->good[i] = false;
        dropped = true;
        (void)err_set(&err, REASON_CERT_REVOKED, "the certificate of its signer");
        tell(request, build->lists[i].file, false, &err);
    }
    return dropped;
}

/* --- what has not been fetched yet --------------------------------------------------------------
 */

/* One for the same certificates is there, or one of its issuer has just been refused. */
static bool is_replaced(const struct crl_build *build, const struct trust_crl *crl)
{
    for (size_t i = 0; i < build->n_accepted; i++)
        if (is_same_coverage(&build->accepted[i], crl))
            return true;
    for (size_t i = 0; i < build->n_lists; i++)
        if (!build->good[i] &&
            crl_stay_is_name(crl->issuer, X509_CRL_get_issuer(build->lists[i].crl)))
            return true;
    return false;
}

/* A section that begins to fetch must not lock everybody out until the first list comes. */
static void keep_in_force(struct crl_build *build, const struct crl_build_request *request)
{
    size_t n = request->in_force && request->fetches ? request->in_force->n_crls : 0;

    for (size_t i = 0; i < n; i++) {
        const struct trust_crl *crl = &request->in_force->crls[i];

        if (is_replaced(build, crl) ||
            !crl_stay_may(request, build->accepted, build->n_accepted, crl))
            continue;
        crl_stay_tell(request, crl);
        accept_list(build, crl, false);
    }
}

static void check_all(struct crl_build *build, const struct crl_build_request *request)
{
    keep_all(build, request);
    if (!drop_revoked_signers(build, request))
        return;
    drop_accepted(build);
    keep_all(build, request);
}

void crl_build_check(struct crl_build *build, const struct crl_build_request *request)
{
    if (!build)
        return;
    build->good = xcalloc(build->n_lists, sizeof(*build->good));
    for (size_t i = 0; i < build->n_lists; i++) {
        struct error err;
        bool stops;

        build->good[i] = crl_signer_find(request, &build->lists[i], &stops, &err);
        if (!build->good[i])
            tell(request, build->lists[i].file, stops, &err);
    }
    check_all(build, request);
    keep_in_force(build, request);
}
