/*
 * Reads what the configuration names. Runs in gatewayctl with the rights of whom calls it; the
 * checks of owner and mode are the parent's own.
 */
#include "cli/config_files.h"
#include "cli/files.h"

#include "common/clock.h"
#include "gatewayd/decide/mapping.h"
#include "gatewayd/shared/grants.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"
#include "gatewayd/shared/zone_files.h"
#include "ldap/ldif.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

enum { CONFIG_FILE_MAX = 256 << 20 /* octets of one file: a revocation list */ };

static void text_clear(struct config_text *text)
{
    if (text->octets)
        OPENSSL_cleanse(text->octets, text->len); /* it may be a key */
    free(text->octets);
    free(text->name);
}

void config_files_clear(struct config_files *files)
{
    for (size_t i = 0; i < files->n_policies; i++)
        text_clear(&files->policies[i]);
    for (size_t i = 0; i < files->n_tls; i++) {
        text_clear(&files->certificates[i]);
        text_clear(&files->keys[i]);
    }
    text_clear(&files->ldif);
    free(files->policies);
    free(files->certificates);
    free(files->keys);
    (void)trust_build_free(files->build);
    (void)verify_free(files->verify);
    (void)trust_free(files->trust);
    writer_clear(&files->octets);
    memset(files, 0, sizeof(*files));
}

static bool find_ca(const struct config *config, const char *title, size_t *ret_index)
{
    for (size_t i = 0; i < config->n_ca; i++) {
        if (strcmp(config->ca[i].title, title) != 0)
            continue;
        *ret_index = i;
        return true;
    }
    return false;
}

static void take_trust(struct config_files *files, enum file_kind kind, const char *name,
                       size_t index, struct bytes octets)
{
    const struct config *config = files->config;

    if (kind == FILE_CRL && index < config->n_ca)
        trust_build_crl(files->build, index, name, octets);
    else if (kind == FILE_CRL_ISSUERS && index < config->n_ca)
        trust_build_intermediates(files->build, index, name, octets);
    else if (kind == FILE_ANCHORS && find_ca(config, name, &index))
        trust_build_anchors(files->build, index, config->ca[index].anchors, octets);
    else if (kind == FILE_INTERMEDIATES && find_ca(config, name, &index))
        trust_build_intermediates(files->build, index, config->ca[index].intermediates, octets);
}

/* Where a text of this kind is kept; NULL: its content is of no interest. */
static struct config_text *place_of(struct config_files *files, enum file_kind kind, size_t index)
{
    switch (kind) {
    case FILE_POLICY:
        files->policies =
            xrealloc(files->policies, files->n_policies + 1, sizeof(*files->policies));
        return &files->policies[files->n_policies++];
    case FILE_CERTIFICATE:
        return index < files->config->n_tls ? &files->certificates[index] : NULL;
    case FILE_KEY:
        return index < files->config->n_tls ? &files->keys[index] : NULL;
    case FILE_LDIF:
        return files->ldif.octets ? NULL : &files->ldif;
    default:
        return NULL;
    }
}

static bool take(void *context, enum file_kind kind, const char *name, uint32_t index, int fd)
{
    struct config_files *files = context;
    bool trust = kind == FILE_ANCHORS || kind == FILE_INTERMEDIATES || kind == FILE_CRL ||
                 kind == FILE_CRL_ISSUERS;
    AUTO(octets_freep) unsigned char *octets = NULL;
    struct config_text *place;
    struct error err;
    size_t len;

    if (!files_read_fd(fd, name, CONFIG_FILE_MAX, &octets, &len, &err)) {
        findings_add(files->findings, name, 0, false, &err);
        return false;
    }
    if (trust) {
        take_trust(files, kind, name, index, (struct bytes){octets, len});
        return true;
    }
    place = place_of(files, kind, index);
    if (place)
        *place = (struct config_text){.name = xstrdup(name), .octets = STEAL(octets), .len = len};
    return true;
}

bool config_files_trust(struct config_files *files)
{
    struct error err;

    files->octets = writer_new(TRUST_MAX);
    if (!trust_build_finish(files->build, clock_realtime_s(), &files->octets))
        return false;
    if (trust_decode(writer_bytes(&files->octets), &files->trust, &err) &&
        verify_new(files->trust, &files->verify, &err))
        return true;
    findings_add(files->findings, NULL, 0, false, &err);
    return false;
}

bool config_files_read(const struct config *config, struct findings *findings,
                       struct config_files *ret_files)
{
    struct config_files *files = ret_files;
    const struct grant_sink sink = {.file = take, .context = files};
    const struct config_errors errors = findings_of_config(findings);
    bool good;

    *files = (struct config_files){
        .config = config, .findings = findings, .trust_errors = findings_of_trust(findings)};
    files->n_tls = config->n_tls;
    files->certificates = xcalloc(config->n_tls + 1, sizeof(*files->certificates));
    files->keys = xcalloc(config->n_tls + 1, sizeof(*files->keys));
    files->build = trust_build_new(config, &files->trust_errors);
    good = grants_look(config, &sink, &errors);
    return config_files_trust(files) && good;
}

/* --- policy ----------------------------------------------------------------------------------- */

bool config_files_policy(const struct config *config, const struct config_text *texts, size_t n,
                         struct findings *findings, struct policy_set **ret_set)
{
    const char **services = xcalloc(config->n_service + 1, sizeof(*services));
    const char **cas = xcalloc(config->n_ca + 1, sizeof(*cas));
    bool *confirmed = xcalloc(config->n_service + 1, sizeof(*confirmed));
    struct policy_file *files = xcalloc(n + 1, sizeof(*files));
    const struct policy_errors errors = findings_of_policy(findings);
    AUTO(zone_files_clear) struct zone_files zones = {.n = 0};
    struct policy_world world = {.services = services,
                                 .confirmed = confirmed,
                                 .n_services = config->n_service,
                                 .cas = cas,
                                 .n_cas = config->n_ca,
                                 .zone = zone_files_find,
                                 .context = &zones};
    bool good;

    for (size_t i = 0; i < config->n_service; i++) {
        services[i] = config->service[i].title;
        confirmed[i] = config->service[i].confirm == CONFIG_CONFIRM_PAM;
    }
    for (size_t i = 0; i < config->n_ca; i++)
        cas[i] = config->ca[i].title;
    for (size_t i = 0; i < n; i++)
        files[i] = (struct policy_file){texts[i].name, {texts[i].octets, texts[i].len}};
    good = policy_load(files, n, &world, &errors, ret_set);
    free(files);
    free(confirmed);
    free(cas);
    free(services);
    return good;
}

/* --- directory -------------------------------------------------------------------------------- */

static void options_of(const struct config *config, struct replica_options *options)
{
    const struct config_directory *directory = config->n_directory > 0 ? config->directory : NULL;

    *options = (struct replica_options){.schema = "rfc2307bis"};
    if (directory) {
        options->schema = directory->schema == CONFIG_SCHEMA_RFC2307 ? "rfc2307" : "rfc2307bis";
        options->min_id = (uint32_t)directory->min_id;
    }
}

bool config_files_directory(const struct config *config, struct bytes text,
                            struct filler **ret_filler, struct error *err)
{
    AUTO(filler_freep) struct filler *filler = NULL;
    static const struct filler_calls no_calls;
    struct replica_options options;
    struct feed feed;

    options_of(config, &options);
    if (!mapping_replica_options(config, &options, err))
        return false;
    if (!filler_new(&options, &no_calls, &filler, err))
        return false;
    feed = filler_feed(filler);
    if (!ldif_feed(text, &feed, clock_realtime_ms(), err))
        return false;
    *ret_filler = STEAL(filler);
    return true;
}

/* --- certificates ----------------------------------------------------------------------------- */

static bool read_all(BIO *bio, STACK_OF(X509) * chain)
{
    X509 *certificate;

    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        if (sk_X509_push(chain, certificate) == 0) {
            X509_free(certificate);
            return false;
        }
    /* The end of the file is the one error that is none. */
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE && sk_X509_num(chain) > 0;
}

bool config_files_chain(const char *path, STACK_OF(X509) * *ret_chain, struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    AUTO(bio_freep) BIO *bio = NULL;
    STACK_OF(X509) *chain = NULL;
    size_t len;

    if (!files_read(path, 1 << 20, &octets, &len, err))
        return false;
    bio = BIO_new_mem_buf(octets, (int)len);
    chain = sk_X509_new_null();
    if (!bio || !chain)
        return err_set(err, REASON_NO_MEMORY, "%s", path);
    ERR_clear_error();
    if (!read_all(bio, chain)) {
        sk_X509_pop_free(chain, X509_free);
        ERR_clear_error();
        return err_set(err, REASON_FILE_MALFORMED, "%s holds no certificate in PEM", path);
    }
    ERR_clear_error();
    *ret_chain = chain;
    return true;
}
