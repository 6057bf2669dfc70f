/*
 * gatewayctl identity: what a certificate says, and which account it becomes. Offline: the
 * directory is an LDIF file.
 */
#include "cli/config_files.h"
#include "cli/ctl_commands.h"
#include "cli/files.h"

#include "common/clock.h"
#include "common/text.h"
#include "gatewayd/decide/mapping.h"
#include "gatewayd/shared/xalloc.h"
#include "ldap/ldif.h"

#include <stdio.h>
#include <string.h>

static void chain_freep(STACK_OF(X509) * *chain)
{
    sk_X509_pop_free(*chain, X509_free);
}

/* PEM, the leaf first. The caller owns both. */
static bool read_identity(const char *path, STACK_OF(X509) * *ret_chain,
                          struct identity **ret_identity, struct error *err)
{
    unsigned char *der = NULL;
    bool good;
    int len;

    if (!config_files_chain(path, ret_chain, err))
        return false;
    len = i2d_X509(sk_X509_value(*ret_chain, 0), &der);
    good = len > 0 ? identity_extract((struct bytes){der, (size_t)len}, ret_identity, err)
                   : err_set(err, REASON_CERT_MALFORMED, "%s", path);
    OPENSSL_free(der);
    return good;
}

/* --- show ------------------------------------------------------------------------------------- */

static json_t *value_json(const struct identity_value *value)
{
    json_t *item = json_pack("{s:s,s:s#}", "name", value->attribute->name, "value",
                             (const char *)value->text.at, value->text.len);

    if (value->fault != REASON_OK) {
        json_object_set_new(item, "fault", json_string(reason_name(value->fault)));
        json_object_set_new(item, "why", json_string(value->why ? value->why : ""));
    }
    return item;
}

static void print_value(const struct ctl *ctl, const struct identity_value *value)
{
    (void)printf("%-18s ", value->attribute->name);
    if (value->fault != REASON_OK)
        (void)printf("%s%s%s%s%s\n", ctl_color(ctl, "red"), reason_text(value->fault),
                     ctl_color(ctl, "off"), value->why ? ": " : "", value->why ? value->why : "");
    else if (value->attribute->binary)
        (void)printf("(%zu octets)\n", value->raw.len);
    else
        (void)printf("%.*s\n", (int)value->text.len, (const char *)value->text.at);
}

int ctl_identity_show(struct ctl *ctl, int argc, char **argv)
{
    AUTO(chain_freep) STACK_OF(X509) *chain = NULL;
    AUTO(identity_unrefp) struct identity *identity = NULL;
    struct option_arguments rest;
    json_t *list;
    struct error err;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(1, 1), argc, argv, &rest, &code))
        return code;
    if (!read_identity(rest.at[0], &chain, &identity, &err))
        return ctl_error(&err);
    list = json_array();
    for (size_t i = 0; i < identity->n_values; i++) {
        if (ctl->json)
            json_array_append_new(list, value_json(&identity->values[i]));
        else
            print_value(ctl, &identity->values[i]);
    }
    if (ctl->json)
        ctl_print_json(json_incref(list));
    json_decref(list);
    return CTL_YES;
}

/* --- map -------------------------------------------------------------------------------------- */

struct map_options {
    const char *cert, *ca, *user, *directory;
    bool explain, no_verify;
};

static void trace_line(void *context, const char *text)
{
    (void)context;
    (void)printf("%s\n", ctl_text(text));
}

static bool read_directory(const struct config *config, const struct config_text *ldif,
                           const char *path, struct filler **ret_filler, struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    size_t len;

    if (!path && ldif->octets)
        return config_files_directory(config, (struct bytes){ldif->octets, ldif->len}, ret_filler,
                                      err) ||
               err_in(err, "%s", ldif->name);
    if (!path && config->n_directory == 0)
        return true;
    if (!path)
        return err_set(err, REASON_USAGE, "the directory is a server: give --directory LDIF");
    return files_read(path, LDIF_MAX, &octets, &len, err) &&
           (config_files_directory(config, (struct bytes){octets, len}, ret_filler, err) ||
            err_in(err, "%s", path));
}

/* The ca section that the chain ends in; without verification the one that was named. */
static bool choose_ca(const struct map_options *options, const struct config_files *files,
                      STACK_OF(X509) * chain, const char **ret_ca, struct error *err)
{
    const struct config *config = files->config;
    struct verify_request request = {.now_s = clock_realtime_s(), .n_cas = config->n_ca};
    struct verify_result result;
    size_t *cas;

    if (options->ca || options->no_verify) {
        *ret_ca = options->ca ? options->ca : config->n_ca == 1 ? config->ca[0].title : NULL;
        return *ret_ca || err_set(err, REASON_USAGE, "--no-verify needs --ca NAME");
    }
    cas = xcalloc(config->n_ca + 1, sizeof(*cas));
    for (size_t i = 0; i < config->n_ca; i++)
        cas[i] = i;
    request.cas = cas;
    verify_certificates(files->verify, &request, sk_X509_value(chain, 0), chain, &result);
    free(cas);
    if (result.reason != REASON_OK)
        return err_set(err, result.reason, "%s", result.detail);
    *ret_ca = config->ca[result.ca].title;
    return true;
}

static int exit_of(const struct mapping_result *result)
{
    switch (result->reason) {
    case REASON_OK:
        return result->by_name ? CTL_UNSURE : CTL_YES;
    case REASON_AMBIGUOUS_USER:
    case REASON_WEAK_MAPPING:
    case REASON_CERT_OLDER_THAN_ACCOUNT:
        return CTL_UNSURE;
    default:
        return CTL_NO;
    }
}

static json_t *account_json(const struct account *account)
{
    json_t *groups = json_array();

    for (size_t i = 0; i < account->n_groups; i++)
        json_array_append_new(groups, json_string(account->groups[i].name));
    return json_pack("{s:s,s:I,s:I,s:s,s:s,s:s,s:o}", "name", account->name, "uid",
                     (json_int_t)account->uid, "gid", (json_int_t)account->gid, "dn", account->dn,
                     "state", reason_name(account->reason), "detail", account->detail, "groups",
                     groups);
}

static void print_account(const struct account *account)
{
    (void)printf("account   %s uid %u gid %u\nentry     %s\nstate     %s\ngroups   ", account->name,
                 account->uid, account->gid, account->dn,
                 account->reason == REASON_OK ? "usable" : reason_text(account->reason));
    for (size_t i = 0; i < account->n_groups; i++)
        (void)printf(" %s", account->groups[i].name);
    (void)printf("\n");
}

static int print_result(const struct ctl *ctl, const struct mapping_result *result,
                        const struct account *account)
{
    if (ctl->json) {
        json_t *json = json_pack("{s:s,s:s,s:s,s:b,s:b}", "reason", reason_name(result->reason),
                                 "mapping", result->mapping, "detail", ctl_text(result->detail),
                                 "strong", result->strong, "by_name", result->by_name);

        if (account)
            json_object_set_new(json, "account", account_json(account));
        ctl_print_json(json);
        return exit_of(result);
    }
    if (result->reason != REASON_OK)
        (void)printf("%sno%s: %s (%s)%s%s\n", ctl_color(ctl, "red"), ctl_color(ctl, "off"),
                     reason_text(result->reason), reason_name(result->reason),
                     result->detail[0] ? ": " : "", ctl_text(result->detail));
    if (result->mapping[0])
        (void)printf("mapping   %s (%s)\n", result->mapping, result->strong ? "strong" : "weak");
    if (result->by_name)
        (void)printf("account   several: the requested login name chooses (--user)\n");
    else if (account)
        print_account(account);
    else if (result->reason == REASON_OK)
        (void)printf("account   none: the mapping does not need one\n");
    return exit_of(result);
}

static int map(const struct ctl *ctl, const struct map_options *options,
               const struct config_files *files, const struct mapping_set *set)
{
    AUTO(chain_freep) STACK_OF(X509) *chain = NULL;
    AUTO(identity_unrefp) struct identity *identity = NULL;
    AUTO(filler_freep) struct filler *filler = NULL;
    const struct mapping_trace trace = {trace_line, NULL};
    struct mapping_request request = {.requested = options->user, .now_s = clock_realtime_s()};
    AUTO(mapping_result_clear) struct mapping_result result = {.account = NULL};
    struct error err;

    if (!read_identity(options->cert, &chain, &identity, &err) ||
        !read_directory(files->config, &files->ldif, options->directory, &filler, &err))
        return ctl_error(&err);
    if (!choose_ca(options, files, chain, &request.ca, &err))
        return ctl_refusal(&err);
    request.identity = identity;
    request.replica = filler ? filler_replica(filler) : NULL;
    request.trace = options->explain && !ctl->json ? &trace : NULL;
    mapping_apply(set, &request, &result);
    return print_result(ctl, &result, result.account);
}

int ctl_identity_map(struct ctl *ctl, int argc, char **argv)
{
    struct map_options options = {.cert = NULL};
    const struct option_row rows[] = {
        {"cert", OPTION_TEXT, &options.cert, "FILE", "the certificate and its chain, PEM (needed)",
         0},
        {"directory", OPTION_TEXT, &options.directory, "LDIF", "the directory as LDIF", 0},
        {"user", OPTION_TEXT, &options.user, "NAME", "login name that is asked for", 0},
        {"ca", OPTION_TEXT, &options.ca, "NAME", "ca section, without verifying the chain", 0},
        {"no-verify", OPTION_FLAG, &options.no_verify, NULL, "do not verify the chain", 0},
        {"explain", OPTION_FLAG, &options.explain, NULL, "each rule and condition", 0},
    };
    AUTO(findings_clear) struct findings findings = {.ctl = ctl};
    AUTO(config_freep) struct config *config = NULL;
    AUTO(config_files_clear) struct config_files files = {.config = NULL};
    AUTO(mapping_freep) struct mapping_set *set = NULL;
    struct config_errors errors;
    struct option_arguments rest;
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 0, 0), argc, argv, &rest, &code))
        return code;
    if (!options.cert)
        return err_set(&err, REASON_USAGE, "--cert is needed"), ctl_error(&err);
    if (!ctl_load_config(ctl, &config))
        return CTL_ERROR;
    findings.list = json_array(); /* keys need not be readable for this */
    errors = findings_of_config(&findings);
    (void)config_files_read(config, &findings, &files);
    if (!mapping_compile(config, &errors, &set)) {
        ctl_print_json(json_incref(findings.list));
        return CTL_ERROR;
    }
    return map(ctl, &options, &files, set);
}
