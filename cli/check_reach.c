/*
 * Looks for what lets nobody in although every part is valid. Runs in gatewayctl; everything it
 * finds is a warning, since somebody may mean it.
 */
#include "cli/check_reach.h"

#include "common/clock.h"
#include "common/text.h"
#include "gatewayd/shared/x509_facts.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ACCOUNTS_SHOWN = 10 /* a wrong min_id makes all of them unusable */ };

static void warn(const struct reach *reach, const struct config_place *place, enum reason reason,
                 const char *fmt, ...) PRINTF(4, 5);

static void warn(const struct reach *reach, const struct config_place *place, enum reason reason,
                 const char *fmt, ...)
{
    char text[ERROR_DETAIL_MAX];
    struct error err;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)err_set(&err, reason, "%s", text);
    findings_add(reach->files->findings, place->file, place->line, true, &err);
}

/* --- mappings --------------------------------------------------------------------------------- */

static void check_mapping(const struct reach *reach, size_t i)
{
    const struct config_mapping *mapping = &reach->files->config->mapping[i];

    if (mapping_is_too_weak(reach->mappings, i))
        warn(reach, &mapping->place, REASON_WEAK_MAPPING,
             "mapping \"%s\" finds by names alone and strength is \"strong\": it lets nobody "
             "in; \"weak-allowed\" would",
             mapping->title);
    if (mapping_is_wide(reach->mappings, i))
        warn(reach, &mapping->place, REASON_WEAK_MAPPING,
             "mapping \"%s\" takes any name that its authorities sign: limit it by match, "
             "weak_policies or weak_suffixes",
             mapping->title);
}

static void check_mappings(const struct reach *reach)
{
    const struct config *config = reach->files->config;

    if (config->n_mapping == 0)
        warn(reach, &config->gateway->place, REASON_NO_RULE,
             "there is no mapping section: nobody gets in");
    for (size_t i = 0; i < config->n_mapping; i++)
        check_mapping(reach, i);
}

/* --- server names ----------------------------------------------------------------------------- */

static X509 *leaf_of(const struct config_text *text)
{
    AUTO(bio_freep) BIO *bio = BIO_new_mem_buf(text->octets, (int)text->len);
    X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    ERR_clear_error();
    return leaf;
}

/* "*.example.org": some name below is enough, since each client asks for one of them. */
static bool names_below(X509 *leaf, const char *suffix)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int suffix_len = (int)strlen(suffix);
    bool found = false;

    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        int len = name->type == GEN_DNS ? ASN1_STRING_length(name->d.dNSName) : 0;

        found =
            found ||
            (len > suffix_len &&
             strncasecmp((const char *)ASN1_STRING_get0_data(name->d.dNSName) + len - suffix_len,
                         suffix, (size_t)suffix_len) == 0);
    }
    GENERAL_NAMES_free(names);
    return found;
}

static bool certificate_names(const struct config_text *text, const char *sni)
{
    AUTO(x509_freep) X509 *leaf = leaf_of(text);

    if (!leaf)
        return true; /* told by the check of the certificate */
    if (sni[0] == '*')
        return names_below(leaf, sni + 1);
    return X509_check_host(leaf, sni, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

static bool listener_names(const struct reach *reach, const char *title, const char *sni)
{
    const struct config *config = reach->files->config;
    const struct config_listener *listener = config_find_listener(config, title);

    for (size_t i = 0; i < config->n_tls; i++)
        for (size_t k = 0; k < listener->tls.n; k++)
            if (strcmp(listener->tls.at[k], config->tls[i].title) == 0 &&
                certificate_names(&reach->files->certificates[i], sni))
                return true;
    return false;
}

static void check_server_names(const struct reach *reach)
{
    const struct config *config = reach->files->config;

    for (size_t i = 0; i < config->n_service; i++) {
        const struct config_service *service = &config->service[i];

        for (size_t k = 0; k < service->listener.n; k++)
            for (size_t m = 0; m < service->sni.n; m++)
                if (!listener_names(reach, service->listener.at[k], service->sni.at[m]))
                    warn(reach, &service->place, REASON_CERT_PURPOSE,
                         "service \"%s\": no certificate of listener \"%s\" names %s: clients will "
                         "not accept it",
                         service->title, service->listener.at[k], service->sni.at[m]);
    }
}

/* --- groups and accounts ---------------------------------------------------------------------- */

struct looking {
    const struct reach *reach;
    const char *name;
    bool found;
    size_t n;
    const char *told; /* the rule that was warned of */
};

static bool is_group(void *context, const struct replica_entry *entry)
{
    struct looking *looking = context;
    char name[REPLICA_GROUP_NAME_MAX + 1];
    struct account_group group;

    looking->found = replica_group(looking->reach->replica, entry, &group, name) &&
                     strcmp(name, looking->name) == 0;
    return !looking->found;
}

static void check_group(void *context, const struct policy_use *use)
{
    const struct reach *reach = context;
    const struct config_place place = {use->file, use->line};
    struct looking looking = {.reach = reach, .name = use->name};

    if (!use->name)
        return;
    replica_each(reach->replica, REPLICA_GROUP, is_group, &looking);
    if (!looking.found)
        warn(reach, &place, REASON_POLICY_REFERENCE, "rule \"%s\": the directory has no group %s",
             use->rule, use->name);
}

static void check_no_directory(void *context, const struct policy_use *use)
{
    struct looking *looking = context;
    const struct config_place place = {use->file, use->line};

    if (looking->told && strcmp(looking->told, use->rule) == 0)
        return;
    looking->told = use->rule;
    warn(looking->reach, &place, REASON_POLICY_REFERENCE,
         "rule \"%s\" tests groups and there is no directory section", use->rule);
}

static bool check_account(void *context, const struct replica_entry *entry)
{
    struct looking *looking = context;
    const struct reach *reach = looking->reach;
    AUTO(account_freep)
    struct account *account = replica_account(reach->replica, entry, clock_realtime_s());
    struct bytes dn = replica_entry_dn(entry);

    if (account->reason == REASON_ACCOUNT_INVALID && looking->n++ < ACCOUNTS_SHOWN)
        warn(reach, &reach->files->config->directory->place, REASON_ACCOUNT_INVALID, "%.*s: %s",
             (int)dn.len, (const char *)dn.at, account->detail);
    return true;
}

static void check_people(const struct reach *reach)
{
    const struct config *config = reach->files->config;
    struct looking looking = {.reach = reach};

    if (reach->policy && config->n_directory == 0)
        policy_each_use(reach->policy, POLICY_FACT_GROUPS, check_no_directory, &looking);
    if (!reach->replica)
        return;
    if (reach->policy)
        policy_each_use(reach->policy, POLICY_FACT_GROUPS, check_group, (void *)reach);
    replica_each(reach->replica, REPLICA_USER, check_account, &looking);
    if (looking.n > ACCOUNTS_SHOWN)
        warn(reach, &config->directory->place, REASON_ACCOUNT_INVALID, "%zu more",
             looking.n - ACCOUNTS_SHOWN);
}

void reach_check(const struct reach *reach)
{
    if (reach->mappings)
        check_mappings(reach);
    check_server_names(reach);
    check_people(reach);
}
