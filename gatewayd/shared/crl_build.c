/*
 * Revocation lists out of files. Runs in load and in gatewayctl on octets that a CA has written.
 * RFC 5280 section 5; what is checked here is never checked again per connection.
 */
#include "gatewayd/shared/crl_build.h"

#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct list {
    X509_CRL *crl;
    char *file;
    uint8_t scope;
    int64_t this_update_s, next_update_s;
    struct hash key; /* of the issuer whose signature fits */
};

struct crl_build {
    struct list *lists;
    size_t n_lists;
    struct trust_crl *accepted; /* their issuer and serials are owned */
    size_t n_accepted;
};

static void clear_list(struct list *list)
{
    X509_CRL_free(list->crl);
    free(list->file);
}

struct crl_build *crl_build_free(struct crl_build *build)
{
    if (!build)
        return NULL;
    for (size_t i = 0; i < build->n_lists; i++)
        clear_list(&build->lists[i]);
    for (size_t i = 0; i < build->n_accepted; i++) {
        free((void *)build->accepted[i].issuer.at);
        free((void *)build->accepted[i].serials);
    }
    free(build->lists);
    free(build->accepted);
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

/* --- form ------------------------------------------------------------------------------------- */

/* The issuing distribution point, if there is one (RFC 5280 5.2.5). */
static bool read_scope(const X509_CRL *crl, uint8_t *ret_scope, struct error *err)
{
    int critical = -1;
    ISSUING_DIST_POINT *point =
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
    bool partial;

    *ret_scope = TRUST_SCOPE_ALL;
    if (!point)
        return critical == -1 ||
               err_set(err, REASON_FILE_MALFORMED, "its issuing distribution point");
    partial = point->distpoint || point->onlysomereasons || point->indirectCRL > 0 ||
              point->onlyattr > 0 || (point->onlyuser > 0 && point->onlyCA > 0);
    if (point->onlyuser > 0)
        *ret_scope = TRUST_SCOPE_USERS;
    if (point->onlyCA > 0)
        *ret_scope = TRUST_SCOPE_CAS;
    ISSUING_DIST_POINT_free(point);
    if (partial)
        return err_set(err, REASON_FILE_MALFORMED,
                       "it is indirect, or for a part of its issuer's certificates only");
    return true;
}

static bool check_extensions(const X509_CRL *crl, struct error *err)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

        if (nid == NID_delta_crl)
            return err_set(err, REASON_FILE_MALFORMED, "it is a delta list");
        if (X509_EXTENSION_get_critical(extension) && nid != NID_issuing_distribution_point)
            return err_set(err, REASON_FILE_MALFORMED, "it has an unknown critical extension");
    }
    return true;
}

/* An entry with a critical extension may mean another issuer's certificate (RFC 5280 5.3.3). */
static bool check_entries(X509_CRL *crl, struct error *err)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++)
        if (X509_REVOKED_get_ext_by_critical(sk_X509_REVOKED_value(entries, i), 1, -1) >= 0)
            return err_set(err, REASON_FILE_MALFORMED, "entry %d has a critical extension", i);
    return true;
}

static bool check_form(struct list *list, struct error *err)
{
    if (!x509_time_s(X509_CRL_get0_lastUpdate(list->crl), &list->this_update_s))
        return err_set(err, REASON_FILE_MALFORMED, "its thisUpdate");
    if (!x509_time_s(X509_CRL_get0_nextUpdate(list->crl), &list->next_update_s))
        return err_set(err, REASON_FILE_MALFORMED, "it has no nextUpdate");
    if (list->this_update_s < 0 || list->next_update_s < list->this_update_s)
        return err_set(err, REASON_FILE_MALFORMED, "its nextUpdate lies before its thisUpdate");
    return check_extensions(list->crl, err) && read_scope(list->crl, &list->scope, err) &&
           check_entries(list->crl, err);
}

/* Takes crl. */
static bool add_list(struct crl_build *build, const char *file, X509_CRL *crl, struct error *err)
{
    struct list list = {.crl = crl};

    if (!check_form(&list, err)) {
        X509_CRL_free(crl);
        return false;
    }
    list.file = xstrdup(file);
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
        *build = xcalloc(1, sizeof(**build));
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

/* --- issuer and signature --------------------------------------------------------------------- */

static bool digest_is_weak(const X509_CRL *crl)
{
    int digest = NID_undef;

    if (!OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &digest, NULL))
        return true;
    return digest == NID_md5 || digest == NID_md4 || digest == NID_md2 || digest == NID_sha1 ||
           digest == NID_ripemd160;
}

static X509 *find_signer(const struct list *list, const STACK_OF(X509) * stack, bool *ret_named)
{
    for (int i = 0; i < sk_X509_num(stack); i++) {
        X509 *issuer = sk_X509_value(stack, i);

        if (X509_NAME_cmp(X509_get_subject_name(issuer), X509_CRL_get_issuer(list->crl)) != 0)
            continue;
        *ret_named = true;
        if ((X509_get_key_usage(issuer) & KU_CRL_SIGN) != 0 &&
            X509_CRL_verify(list->crl, X509_get0_pubkey(issuer)) == 1)
            return issuer;
    }
    return NULL;
}

/* False: err says why the list is not used, *ret_stops whether the whole set is refused. */
static bool check_signature(struct list *list, const STACK_OF(X509) * anchors,
                            const STACK_OF(X509) * intermediates, bool *ret_stops,
                            struct error *err)
{
    bool named = false;
    X509 *signer = find_signer(list, anchors, &named);
    char name[128];

    if (!signer)
        signer = find_signer(list, intermediates, &named);
    ERR_clear_error();
    x509_name_text(X509_CRL_get_issuer(list->crl), name, sizeof(name));
    *ret_stops = named;
    if (!named)
        return err_set(err, REASON_CERT_UNKNOWN_CA,
                       "no anchor or intermediate of the ca section is its issuer %s", name);
    if (!signer)
        return err_set(err, REASON_CERT_SIGNATURE, "not signed by its issuer %s", name);
    if (digest_is_weak(list->crl))
        return err_set(err, REASON_CERT_WEAK_KEY, "signed with a weak digest by %s", name);
    list->key = x509_key_hash(signer);
    return true;
}

static void warn_of_dates(const struct list *list, int64_t now_s, const struct trust_errors *errors)
{
    struct error err;

    if (list->next_update_s < now_s)
        (void)err_set(&err, REASON_CRL_EXPIRED, "its nextUpdate was %lld s ago",
                      (long long)(now_s - list->next_update_s));
    else if (list->this_update_s > now_s)
        (void)err_set(&err, REASON_CERT_NOT_YET_VALID, "its thisUpdate lies in the future");
    else
        return;
    errors->found(errors->context, list->file, false, &err);
}

/* --- the sorted form -------------------------------------------------------------------------- */

static int compare_serials(const void *a, const void *b)
{
    return memcmp(a, b, TRUST_SERIAL_LEN);
}

static uint32_t drop_twins(uint8_t *serials, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = serials + i * TRUST_SERIAL_LEN;

        if (kept > 0 && memcmp(serials + (kept - 1) * TRUST_SERIAL_LEN, at, TRUST_SERIAL_LEN) == 0)
            continue;
        memmove(serials + kept++ * TRUST_SERIAL_LEN, at, TRUST_SERIAL_LEN);
    }
    return (uint32_t)kept;
}

/* Serials that no acceptable certificate can have (verify.c refuses those) are left out. */
static void collect_serials(X509_CRL *crl, struct trust_crl *ret_list)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    int n = entries ? sk_X509_REVOKED_num(entries) : 0;
    uint8_t *serials = xcalloc((size_t)n, TRUST_SERIAL_LEN);
    size_t used = 0;

    for (int i = 0; i < n; i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        struct bytes serial;

        if (!x509_serial(X509_REVOKED_get0_serialNumber(entry), &serial) ||
            serial.len > TRUST_SERIAL_LEN)
            continue;
        memcpy(serials + used * TRUST_SERIAL_LEN + (TRUST_SERIAL_LEN - serial.len), serial.at,
               serial.len);
        used++;
    }
    qsort(serials, used, TRUST_SERIAL_LEN, compare_serials);
    ret_list->n_serials = drop_twins(serials, used);
    ret_list->serials = serials;
}

static void keep(struct crl_build *build, const struct list *list)
{
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(X509_CRL_get_issuer(list->crl), &der);
    struct trust_crl *accepted;

    if (len <= 0)
        abort();
    build->accepted = xrealloc(build->accepted, build->n_accepted + 1, sizeof(*build->accepted));
    accepted = &build->accepted[build->n_accepted++];
    *accepted = (struct trust_crl){.issuer = xbytes((struct bytes){der, (size_t)len}),
                                   .key = list->key,
                                   .scope = list->scope,
                                   .this_update_s = list->this_update_s,
                                   .next_update_s = list->next_update_s};
    OPENSSL_free(der);
    collect_serials(list->crl, accepted);
}

/* Another accepted list of the same issuer and scope is newer, or as new and stands before. */
static bool is_outdated(const struct crl_build *build, const bool *good, size_t index)
{
    const struct list *list = &build->lists[index];

    for (size_t i = 0; i < build->n_lists; i++) {
        const struct list *other = &build->lists[i];

        if (i == index || !good[i] || other->scope != list->scope ||
            memcmp(other->key.octets, list->key.octets, HASH_LEN) != 0 ||
            X509_NAME_cmp(X509_CRL_get_issuer(other->crl), X509_CRL_get_issuer(list->crl)) != 0)
            continue;
        if (other->this_update_s > list->this_update_s ||
            (other->this_update_s == list->this_update_s && i < index))
            return true;
    }
    return false;
}

void crl_build_check(struct crl_build *build, const STACK_OF(X509) * anchors,
                     const STACK_OF(X509) * intermediates, int64_t now_s,
                     const struct trust_errors *errors)
{
    bool *good;

    if (!build)
        return;
    good = xcalloc(build->n_lists, sizeof(*good));
    for (size_t i = 0; i < build->n_lists; i++) {
        struct error err;
        bool stops;

        good[i] = check_signature(&build->lists[i], anchors, intermediates, &stops, &err);
        if (!good[i])
            errors->found(errors->context, build->lists[i].file, stops, &err);
    }
    for (size_t i = 0; i < build->n_lists; i++) {
        if (!good[i] || is_outdated(build, good, i))
            continue;
        warn_of_dates(&build->lists[i], now_s, errors);
        keep(build, &build->lists[i]);
    }
    free(good);
}
