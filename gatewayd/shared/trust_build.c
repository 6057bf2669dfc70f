/*
 * Trust data out of files. Runs in load and in gatewayctl on octets that an operator or a CA has
 * written; a malformed file costs this load only. Revocation lists are checked in crl_build.c.
 */
#include "gatewayd/shared/trust_build.h"

#include "gatewayd/shared/config_ca.h"
#include "gatewayd/shared/crl_build.h"
#include "gatewayd/shared/fetched.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct build_ca {
    STACK_OF(X509) * anchors, *intermediates;
    struct crl_build *crls;
};

struct trust_build {
    const struct config *config;
    const struct trust_errors *errors;
    bool stopped;
    struct build_ca *cas; /* one per ca section */
    const struct trust *in_force;
};

/* What fetch has brought may be anything: it costs itself, not the set. */
static void found(struct trust_build *build, const char *file, bool stops, const struct error *err)
{
    stops = stops && !fetched_is_file(build->config, file);
    build->stopped = build->stopped || stops;
    build->errors->found(build->errors->context, file, stops, err);
}

static void stop(struct trust_build *build, const char *file, enum reason reason,
                 const char *detail)
{
    struct error err;

    (void)err_set(&err, reason, "%s", detail);
    found(build, file, true, &err);
}

struct trust_build *trust_build_new(const struct config *config, const struct trust_errors *errors)
{
    struct trust_build *build = xcalloc(1, sizeof(*build));

    *build = (struct trust_build){
        .config = config, .errors = errors, .cas = xcalloc(config->n_ca, sizeof(*build->cas))};
    for (size_t i = 0; i < config->n_ca; i++) {
        build->cas[i].anchors = sk_X509_new_null();
        build->cas[i].intermediates = sk_X509_new_null();
        if (!build->cas[i].anchors || !build->cas[i].intermediates)
            abort();
    }
    return build;
}

struct trust_build *trust_build_free(struct trust_build *build)
{
    if (!build)
        return NULL;
    for (size_t i = 0; i < build->config->n_ca; i++) {
        sk_X509_pop_free(build->cas[i].anchors, X509_free);
        sk_X509_pop_free(build->cas[i].intermediates, X509_free);
        crl_build_free(build->cas[i].crls);
    }
    free(build->cas);
    free(build);
    return NULL;
}

/* --- certificates ----------------------------------------------------------------------------- */

static int no_password(char *buf, int size, int writing, void *context)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static bool is_there(const STACK_OF(X509) * stack, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(stack); i++)
        if (X509_cmp(sk_X509_value(stack, i), certificate) == 0)
            return true;
    return false;
}

/* Only a certificate that may sign others has a place in trust data; beside the anchors also one
 * that may sign revocation lists, for others perhaps (RFC 5280 6.3.3 f). */
static bool check_authority(X509 *certificate, bool is_anchor, struct error *err)
{
    uint32_t usage = X509_get_key_usage(certificate);
    char name[128];

    x509_name_text(X509_get_subject_name(certificate), name, sizeof(name));
    if (!is_anchor && usage != UINT32_MAX && (usage & KU_CRL_SIGN))
        return true;
    if (X509_check_ca(certificate) != 1)
        return err_set(err, REASON_CERT_NOT_CA, "%s: not a CA certificate", name);
    if ((usage & KU_KEY_CERT_SIGN) == 0)
        return err_set(err, REASON_CERT_KEY_USAGE, "%s: its key usage lacks keyCertSign", name);
    return true;
}

/* Reads all certificates of a PEM file; duplicates are dropped. */
static void read_certificates(struct trust_build *build, struct build_ca *ca, bool anchors,
                              const char *file, struct bytes octets)
{
    STACK_OF(X509) *stack = anchors ? ca->anchors : ca->intermediates;
    AUTO(bio_freep) BIO *bio = BIO_new_mem_buf(octets.at, (int)octets.len);
    struct error err;
    size_t n = 0;
    X509 *next;

    ERR_clear_error();
    while (bio && (next = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
        n++;
        if (!check_authority(next, anchors, &err))
            found(build, file, true, &err);
        if (is_there(stack, next) || sk_X509_push(stack, next) == 0)
            X509_free(next);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        (void)err_set(&err, REASON_FILE_MALFORMED, "certificate %zu of the file", n + 1);
        found(build, file, true, &err);
    } else if (n == 0) {
        stop(build, file, REASON_FILE_EMPTY, "no PEM certificate in it");
    }
    ERR_clear_error();
}

void trust_build_anchors(struct trust_build *build, size_t ca, const char *file,
                         struct bytes octets)
{
    read_certificates(build, &build->cas[ca], true, file, octets);
}

void trust_build_intermediates(struct trust_build *build, size_t ca, const char *file,
                               struct bytes octets)
{
    read_certificates(build, &build->cas[ca], false, file, octets);
}

void trust_build_crl(struct trust_build *build, size_t ca, const char *file, struct bytes octets)
{
    struct error err;

    if (!crl_build_read(&build->cas[ca].crls, file, octets, &err))
        found(build, file, true, &err);
}

size_t trust_build_n_anchors(const struct trust_build *build)
{
    size_t n = 0;

    for (size_t i = 0; i < build->config->n_ca; i++)
        n += (size_t)sk_X509_num(build->cas[i].anchors);
    return n;
}

/* --- the set ---------------------------------------------------------------------------------- */

/* Dates change nothing in the set: an expired authority denies by itself. The operator hears it. */
static void warn_of_dates(struct trust_build *build, const STACK_OF(X509) * stack, const char *ca,
                          int64_t now_s)
{
    for (int i = 0; i < sk_X509_num(stack); i++) {
        X509 *certificate = sk_X509_value(stack, i);
        char name[128];
        struct error err;
        int64_t end_s;

        if (x509_time_s(X509_get0_notAfter(certificate), &end_s) && end_s >= now_s)
            continue;
        x509_name_text(X509_get_subject_name(certificate), name, sizeof(name));
        (void)err_set(&err, REASON_CERT_EXPIRED, "ca %s: %s", ca, name);
        found(build, "", false, &err);
    }
}

static struct bytes *encode_stack(const STACK_OF(X509) * stack)
{
    size_t n = (size_t)sk_X509_num(stack);
    struct bytes *all = xcalloc(n, sizeof(*all));

    for (size_t i = 0; i < n; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(stack, (int)i), &der);

        if (len > 0)
            all[i] = xbytes((struct bytes){der, (size_t)len});
        OPENSSL_free(der);
    }
    return all;
}

/* config_check has made sure that each is an OID. */
static struct bytes *encode_policies(const struct config_list *policies)
{
    struct bytes *all = xcalloc(policies->n, sizeof(*all));

    for (size_t i = 0; i < policies->n; i++) {
        ASN1_OBJECT *oid = OBJ_txt2obj(policies->at[i], 1);
        unsigned char *der = NULL;
        int len = oid ? i2d_ASN1_OBJECT(oid, &der) : -1;

        if (len > 0)
            all[i] = xbytes((struct bytes){der, (size_t)len});
        OPENSSL_free(der);
        ASN1_OBJECT_free(oid);
    }
    return all;
}

static void free_encoded(const struct bytes *all, size_t n)
{
    for (size_t i = 0; all && i < n; i++)
        free((void *)all[i].at);
    free((void *)all);
}

static void fill_ca(struct trust_build *build, size_t index, struct trust_ca *ca)
{
    const struct config_ca *section = &build->config->ca[index];
    struct build_ca *from = &build->cas[index];

    *ca = (struct trust_ca){.name = bytes_of(section->title),
                            .revocation = (uint8_t)section->revocation,
                            .crl_grace_s = (uint32_t)section->crl_grace,
                            .max_depth = (uint32_t)section->max_depth,
                            .eku_strict_s = config_eku_strict_s(section->eku),
                            .policies = encode_policies(&section->policies),
                            .n_policies = section->policies.n,
                            .anchors = encode_stack(from->anchors),
                            .n_anchors = (size_t)sk_X509_num(from->anchors),
                            .intermediates = encode_stack(from->intermediates),
                            .n_intermediates = (size_t)sk_X509_num(from->intermediates),
                            .crls = crl_build_lists(from->crls),
                            .n_crls = crl_build_n_lists(from->crls)};
}

static void crl_found(void *context, const char *file, bool stops, const struct error *err)
{
    found(context, file, stops, err);
}

void trust_build_in_force(struct trust_build *build, const struct trust *in_force)
{
    build->in_force = in_force;
}

static const struct trust_ca *find_in_force(const struct trust_build *build, const char *title)
{
    for (size_t i = 0; build->in_force && i < build->in_force->n_cas; i++)
        if (bytes_equal(build->in_force->cas[i].name, bytes_of(title)))
            return &build->in_force->cas[i];
    return NULL;
}

static void check_ca(struct trust_build *build, size_t index, int64_t now_s)
{
    const struct config_ca *section = &build->config->ca[index];
    struct build_ca *ca = &build->cas[index];
    const struct trust_errors errors = {.found = crl_found, .context = build};
    const struct crl_build_request request = {.anchors = ca->anchors,
                                              .intermediates = ca->intermediates,
                                              .in_force = find_in_force(build, section->title),
                                              .now_s = now_s,
                                              .fetches = fetched_ca_has_lists(section),
                                              .grace_s = section->crl_grace,
                                              .errors = &errors};

    if (sk_X509_num(ca->anchors) == 0)
        stop(build, section->anchors, REASON_TRUST_MISSING, section->title);
    warn_of_dates(build, ca->anchors, section->title, now_s);
    warn_of_dates(build, ca->intermediates, section->title, now_s);
    if (!ca->crls && request.fetches && request.in_force)
        ca->crls = crl_build_new();
    crl_build_check(ca->crls, &request);
}

bool trust_build_finish(struct trust_build *build, int64_t now_s, struct writer *out)
{
    struct trust trust = {.n_cas = build->config->n_ca};

    for (size_t i = 0; i < trust.n_cas; i++)
        check_ca(build, i, now_s);
    if (build->stopped)
        return false;
    trust.cas = xcalloc(trust.n_cas, sizeof(*trust.cas));
    for (size_t i = 0; i < trust.n_cas; i++)
        fill_ca(build, i, &trust.cas[i]);
    trust_encode(&trust, out);
    for (size_t i = 0; i < trust.n_cas; i++) {
        free_encoded(trust.cas[i].policies, trust.cas[i].n_policies);
        free_encoded(trust.cas[i].anchors, trust.cas[i].n_anchors);
        free_encoded(trust.cas[i].intermediates, trust.cas[i].n_intermediates);
    }
    free(trust.cas);
    if (!writer_ok(out))
        stop(build, "", REASON_FILE_TOO_LARGE, "trust data");
    return writer_ok(out);
}
