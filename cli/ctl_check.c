/*
 * gatewayctl check and policy check: everything that would stop or weaken the gateway, all at once
 * and without a daemon. Uses the daemon's own code for each part.
 */
#include "cli/check_reach.h"
#include "cli/config_files.h"
#include "cli/ctl_commands.h"
#include "cli/files.h"

#include "common/clock.h"
#include "gatewayd/shared/fetched.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/start_check.h"
#include "gatewayd/shared/x509_facts.h"
#include "gatewayd/shared/xalloc.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOON_S = 14 * 86400 /* a certificate that ends so soon is worth a warning */ };

/* --- server certificates ---------------------------------------------------------------------- */

struct server {
    struct findings *findings;
    const struct config_tls *tls;
};

static void PRINTF(4, 5)
    say(const struct server *server, bool warning, enum reason reason, const char *fmt, ...)
{
    struct error err;
    va_list args;
    char text[ERROR_DETAIL_MAX];

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)err_set(&err, reason, "tls \"%s\": %s", server->tls->title, text);
    findings_add(server->findings, server->tls->place.file, server->tls->place.line, warning, &err);
}

static STACK_OF(X509) * read_chain(const struct config_text *text)
{
    AUTO(bio_freep) BIO *bio = BIO_new_mem_buf(text->octets, (int)text->len);
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *certificate;

    while (bio && chain && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        if (sk_X509_push(chain, certificate) == 0)
            X509_free(certificate);
    ERR_clear_error();
    return chain;
}

static void check_dates(const struct server *server, const X509 *certificate)
{
    int64_t now_s = clock_realtime_s(), begin_s, end_s;
    char name[128];

    x509_name_text(X509_get_subject_name(certificate), name, sizeof(name));
    if (!x509_time_s(X509_get0_notBefore(certificate), &begin_s) ||
        !x509_time_s(X509_get0_notAfter(certificate), &end_s))
        say(server, false, REASON_CERT_MALFORMED, "dates of %s", name);
    else if (begin_s > now_s)
        say(server, false, REASON_CERT_NOT_YET_VALID, "%s", name);
    else if (end_s < now_s)
        say(server, false, REASON_CERT_EXPIRED, "%s", name);
    else if (end_s < now_s + SOON_S)
        say(server, true, REASON_CERT_EXPIRED, "soon: %s has %lld days left", name,
            (long long)((end_s - now_s) / 86400));
}

static void check_purpose(const struct server *server, X509 *leaf)
{
    uint32_t eku = X509_get_extended_key_usage(leaf); /* UINT32_MAX: there is none */

    if (eku != UINT32_MAX && (eku & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
        say(server, false, REASON_CERT_PURPOSE, "the certificate is not for TLS servers");
    if (X509_check_ca(leaf) != 0)
        say(server, true, REASON_CERT_PURPOSE, "the certificate is one of a CA");
    if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
        say(server, false, REASON_CERT_PURPOSE, "the key may not sign (keyUsage)");
    if (X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) < 0)
        say(server, true, REASON_CERT_PURPOSE, "no alternative name: clients will not accept it");
}

static void check_key(const struct server *server, X509 *leaf, const struct config_text *text)
{
    BIO *bio = BIO_new_mem_buf(text->octets, (int)text->len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    if (!key)
        say(server, false, REASON_FILE_MALFORMED, "%s holds no private key in PEM",
            server->tls->key);
    else if (X509_check_private_key(leaf, key) != 1)
        say(server, false, REASON_CONFIG_VALUE, "%s does not belong to %s", server->tls->key,
            server->tls->certificate);
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
}

static void check_server(const struct server *server, const struct config_text *certificate,
                         const struct config_text *key)
{
    STACK_OF(X509) *chain = certificate->octets ? read_chain(certificate) : NULL;
    int n = chain ? sk_X509_num(chain) : 0;

    if (certificate->octets && n == 0)
        say(server, false, REASON_FILE_MALFORMED, "%s holds no certificate in PEM",
            server->tls->certificate);
    for (int i = 0; i < n; i++)
        check_dates(server, sk_X509_value(chain, i));
    for (int i = 0; i + 1 < n; i++)
        if (X509_check_issued(sk_X509_value(chain, i + 1), sk_X509_value(chain, i)) != X509_V_OK)
            say(server, false, REASON_CERT_INVALID,
                "certificate %d of %s was not issued by the next", i + 1, server->tls->certificate);
    if (n > 0)
        check_purpose(server, sk_X509_value(chain, 0));
    if (n > 0 && key->octets)
        check_key(server, sk_X509_value(chain, 0), key);
    sk_X509_pop_free(chain, X509_free);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void check_revocation(const struct config_files *files)
{
    for (size_t i = 0; files->trust && i < files->trust->n_cas; i++) {
        const struct config_ca *ca = &files->config->ca[i];
        struct error err;

        if (ca->revocation != CONFIG_REVOCATION_REQUIRE || files->trust->cas[i].n_crls > 0)
            continue;
        if (fetched_ca_has_lists(ca))
            (void)err_set(
                &err, REASON_CRL_MISSING,
                "ca \"%s\": not fetched yet: nobody gets in until the first list has come",
                ca->title);
        else
            (void)err_set(&err, REASON_CRL_MISSING,
                          "ca \"%s\": revocation = \"require\" and no list: nobody gets in",
                          ca->title);
        findings_add(files->findings, ca->place.file, ca->place.line, fetched_ca_has_lists(ca),
                     &err);
    }
}

static void check_spawn(const struct config *config, struct findings *findings)
{
    for (size_t i = 0; i < config->n_spawn; i++) {
        const struct config_spawn *spawn = &config->spawn[i];
        struct error err;

        if (spawn->command.n == 0 || access(spawn->command.at[0], X_OK) == 0)
            continue;
        (void)err_set(&err, REASON_FILE_UNREADABLE, "spawn \"%s\": %s: %m", spawn->title,
                      spawn->command.at[0]);
        findings_add(findings, spawn->place.file, spawn->place.line, false, &err);
    }
}

static void check_audit(const struct config *config, struct findings *findings)
{
    const struct config_audit *audit = &config->audit[0];
    struct error err;
    struct stat st;

    if (stat(audit->directory, &st) < 0 || (st.st_mode & (S_IWOTH | S_IROTH)) == 0)
        return;
    (void)err_set(&err, REASON_FILE_UNSAFE, "%s may be read or written by others",
                  audit->directory);
    findings_add(findings, audit->place.file, audit->place.line, true, &err);
}

static void check_machine(const struct config *config, struct findings *findings)
{
    const struct config_errors errors = findings_of_config(findings);

    (void)!start_check_machine(config, &errors); /* told by then */
    check_spawn(config, findings);
    check_audit(config, findings);
}

/* A file: directory is read whole; what a server holds only the daemon sees. */
static void check_directory(const struct config_files *files, struct filler **ret_filler)
{
    const struct config *config = files->config;
    struct error err;

    if (files->ldif.octets &&
        !config_files_directory(config, (struct bytes){files->ldif.octets, files->ldif.len},
                                ret_filler, &err))
        findings_add(files->findings, config->directory[0].place.file,
                     config->directory[0].place.line, false, &err);
}

static void check_policy(const struct config_files *files, struct policy_set **ret_set)
{
    const struct config_policy *policy = files->config->policy;
    struct error err;

    if (!config_files_policy(files->config, files->policies, files->n_policies, files->findings,
                             ret_set) ||
        policy_n_rules(*ret_set) > 0)
        return;
    (void)err_set(&err, REASON_POLICY_MISSING, "%s has no rules: nobody gets in",
                  policy->directory);
    findings_add(files->findings, policy->place.file, policy->place.line, true, &err);
}

static void check_files(const struct config *config, struct findings *findings)
{
    const struct config_errors errors = findings_of_config(findings);
    AUTO(config_files_clear) struct config_files files;
    AUTO(filler_freep) struct filler *filler = NULL;
    AUTO(policy_freep) struct policy_set *policy = NULL;
    AUTO(mapping_freep) struct mapping_set *mappings = NULL;
    struct reach reach = {.files = &files};

    /* What could not be read is told by then; the rest is checked all the same. */
    (void)config_files_read(config, findings, &files);
    for (size_t i = 0; i < config->n_tls; i++) {
        struct server server = {findings, &config->tls[i]};

        check_server(&server, &files.certificates[i], &files.keys[i]);
    }
    check_revocation(&files);
    check_directory(&files, &filler);
    check_policy(&files, &policy);
    if (mapping_compile(config, &errors, &mappings))
        reach.mappings = mappings;
    reach.policy = policy;
    reach.replica = filler ? filler_replica(filler) : NULL;
    reach_check(&reach);
}

int ctl_check(struct ctl *ctl, int argc, char **argv)
{
    AUTO(findings_clear) struct findings findings = findings_begin(ctl);
    AUTO(config_freep) struct config *config = NULL;
    struct config_errors errors = findings_of_config(&findings);
    struct option_arguments rest;
    char good[160];
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(0, 0), argc, argv, &rest, &code))
        return code;
    findings_clear(&findings);
    findings = findings_begin(ctl);
    if (!config_load(ctl->config_path, &errors, &config))
        return findings_end(&findings, "");
    check_files(config, &findings);
    check_machine(config, &findings);
    (void)snprintf(good, sizeof(good), "%s, %s, %s, %s", ctl_count(config->n_listener, "listener"),
                   ctl_count(config->n_service, "service"), ctl_count(config->n_ca, "ca section"),
                   ctl_count(config->n_mapping, "mapping"));
    return findings_end(&findings, good);
}

/* --- policy check ----------------------------------------------------------------------------- */

static bool read_policy_dir(const char *dir, struct config_text **ret_texts, size_t *ret_n,
                            struct error *err)
{
    char path[FILES_PATH_MAX];
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, alphasort);
    bool good = n >= 0 || err_set(err, REASON_FILE_UNREADABLE, "%s: %m", dir);

    *ret_texts = xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof(**ret_texts));
    *ret_n = 0;
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        size_t len = strlen(name);
        struct config_text *text = &(*ret_texts)[*ret_n];

        if (good && name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0) {
            good = files_path(dir, name, path, err) &&
                   files_read(path, POLICY_FILE_MAX, &text->octets, &text->len, err);
            text->name = xstrdup(name);
            *ret_n += good;
        }
        free(names[i]);
    }
    free(names);
    return good;
}

int ctl_policy_check(struct ctl *ctl, int argc, char **argv)
{
    AUTO(findings_clear) struct findings findings = {.ctl = ctl};
    AUTO(config_freep) struct config *config = NULL;
    struct config_text *texts = NULL;
    struct policy_set *set = NULL;
    struct option_arguments rest;
    size_t n = 0;
    struct error err;
    char good[64] = "";
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(0, 1), argc, argv, &rest, &code))
        return code;
    findings = findings_begin(ctl);
    if (!ctl_load_config(ctl, &config))
        return CTL_ERROR;
    if (!read_policy_dir(rest.n > 0 ? rest.at[0] : config->policy[0].directory, &texts, &n, &err))
        code = ctl_error(&err);
    else {
        if (config_files_policy(config, texts, n, &findings, &set))
            (void)snprintf(good, sizeof(good), "%s in %s", ctl_count(policy_n_rules(set), "rule"),
                           ctl_count(n, "file"));
        code = findings_end(&findings, good);
    }
    for (size_t i = 0; i < n; i++) {
        free(texts[i].octets);
        free(texts[i].name);
    }
    free(texts);
    (void)policy_free(set);
    return code;
}
