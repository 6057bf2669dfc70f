/*
 * gatewayctl verify: the gateway's own path validation on a certificate in a file. Offline; says
 * the reason and the TLS alert that a client would get.
 */
#include "cli/config_files.h"
#include "cli/ctl_commands.h"
#include "cli/files.h"

#include "common/clock.h"
#include "common/text.h"
#include "gatewayd/shared/config_ca.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 6, FILE_MAX = 256 << 20 };

/* A configuration of one ca section, as far as trust_build and verify look at it. */
struct small_config {
    struct config config;
    struct config_ca ca;
};

static bool add_file(struct config_files *files, const char *path,
                     void (*add)(struct trust_build *, size_t, const char *, struct bytes),
                     struct error *err)
{
    AUTO(octets_freep) unsigned char *octets = NULL;
    size_t len;

    if (!path)
        return true;
    if (!files_read(path, FILE_MAX, &octets, &len, err))
        return false;
    add(files->build, 0, path, (struct bytes){octets, len});
    return true;
}

/* What the command line says of it. */
struct verify_files {
    const char *ca_file, *untrusted, *eku;
    struct option_texts crls, policies;
};

static bool check_values(const struct verify_files *given, struct error *err)
{
    int64_t strict_s;

    if (!given->ca_file &&
        (given->untrusted || given->eku || given->crls.n > 0 || given->policies.n > 0))
        return err_set(err, REASON_USAGE,
                       "--crl, --untrusted, --policy and --eku need --ca-file; without it "
                       "the ca sections say it");
    if (given->eku && !config_eku_parse(given->eku, &strict_s))
        return err_set(err, REASON_USAGE, "--eku strict, warn or allow-until:YYYY-MM-DD");
    for (size_t i = 0; i < given->policies.n; i++)
        if (!config_oid_is_good(given->policies.at[i]))
            return err_set(err, REASON_USAGE, "--policy %s: no OID", given->policies.at[i]);
    return true;
}

static bool trust_of_files(struct small_config *small, const struct verify_files *given,
                           struct findings *findings, struct config_files *files, struct error *err)
{
    const char *ca_file = given->ca_file, *untrusted = given->untrusted;
    const struct option_texts *crls = &given->crls;
    bool good;

    small->ca = (struct config_ca){.title = ca_file,
                                   .eku = given->eku ? given->eku : "strict",
                                   .policies = {given->policies.at, given->policies.n},
                                   .place = {ca_file, 1},
                                   .anchors = ca_file,
                                   .intermediates = untrusted,
                                   .revocation = crls->n > 0 ? CONFIG_REVOCATION_REQUIRE
                                                             : CONFIG_REVOCATION_OFF,
                                   .max_depth = MAX_DEPTH};
    small->config = (struct config){.ca = &small->ca, .n_ca = 1};
    *files = (struct config_files){.config = &small->config,
                                   .findings = findings,
                                   .trust_errors = findings_of_trust(findings)};
    files->build = trust_build_new(&small->config, &files->trust_errors);
    good = add_file(files, ca_file, trust_build_anchors, err) &&
           add_file(files, untrusted, trust_build_intermediates, err);
    for (size_t i = 0; good && i < crls->n; i++)
        good = add_file(files, crls->at[i], trust_build_crl, err);
    return good && (config_files_trust(files) ||
                    err_set(err, REASON_TRUST_MISSING, "the files cannot be used"));
}

static const char *revocation_name(enum revocation_state state)
{
    switch (state) {
    case REVOCATION_GOOD:
        return "good";
    case REVOCATION_NOT_CHECKED:
        return "not checked";
    case REVOCATION_UNKNOWN:
        break;
    }
    return "unknown";
}

static int print_result(const struct ctl *ctl, const struct config *config,
                        const struct verify_result *result)
{
    bool good = result->reason == REASON_OK;
    char end[32] = "";

    if (good)
        text_format_time_ms(result->not_after_s * 1000, end);
    if (ctl->json) {
        json_t *json = json_pack("{s:s,s:b,s:s,s:i}", "reason", reason_name(result->reason), "ok",
                                 good, "detail", ctl_text(result->detail), "alert", result->alert);

        if (result->check[0]) {
            json_object_set_new(json, "depth", json_integer(result->depth));
            json_object_set_new(json, "subject", json_string(result->subject));
            json_object_set_new(json, "check", json_string(result->check));
        }
        if (good)
            json_object_set_new(json, "eku_lacks", json_boolean(result->eku_lacks));
        if (good) {
            json_object_set_new(json, "ca", json_string(config->ca[result->ca].title));
            json_object_set_new(json, "not_after", json_integer(result->not_after_s));
            json_object_set_new(json, "revocation",
                                json_string(revocation_name(result->revocation)));
        }
        ctl_print_json(json);
    } else if (good) {
        (void)printf("%sok%s: ca %s, valid until %s, revocation %s%s%s\n", ctl_color(ctl, "green"),
                     ctl_color(ctl, "off"), config->ca[result->ca].title, end,
                     revocation_name(result->revocation),
                     result->eku_lacks ? "; not for client authentication: " : "",
                     ctl_text(result->detail));
    } else {
        (void)printf("%sno%s: %s (%s)%s%s, TLS alert %u\n", ctl_color(ctl, "red"),
                     ctl_color(ctl, "off"), reason_text(result->reason),
                     reason_name(result->reason), result->detail[0] ? ": " : "",
                     ctl_text(result->detail), result->alert);
    }
    return good ? CTL_YES : CTL_NO;
}

static int verify_file(const struct ctl *ctl, const struct config_files *files, const char *path,
                       int64_t at_s)
{
    size_t *cas = xcalloc(files->config->n_ca + 1, sizeof(*cas));
    struct verify_request request = {.now_s = at_s, .cas = cas, .n_cas = files->config->n_ca};
    STACK_OF(X509) *chain = NULL;
    struct verify_result result;
    struct error err;
    int code;

    for (size_t i = 0; i < files->config->n_ca; i++)
        cas[i] = i;
    if (!config_files_chain(path, &chain, &err)) {
        code = ctl_error(&err);
    } else {
        verify_certificates(files->verify, &request, sk_X509_value(chain, 0), chain, &result);
        code = print_result(ctl, files->config, &result);
    }
    sk_X509_pop_free(chain, X509_free);
    free(cas);
    return code;
}

static int verify_by_config(struct ctl *ctl, const char *path, int64_t at_s)
{
    AUTO(findings_clear) struct findings findings = {.ctl = ctl};
    AUTO(config_freep) struct config *config = NULL;
    AUTO(config_files_clear) struct config_files files = {.config = NULL};

    if (!ctl_load_config(ctl, &config))
        return CTL_ERROR;
    findings.list = json_array(); /* files that are of no interest here may be unreadable */
    (void)config_files_read(config, &findings, &files);
    if (!files.verify) {
        ctl_print_json(json_incref(findings.list));
        return CTL_ERROR;
    }
    return verify_file(ctl, &files, path, at_s);
}

int ctl_verify(struct ctl *ctl, int argc, char **argv)
{
    struct verify_files given = {.ca_file = NULL};
    int64_t at_s = clock_realtime_s();
    const struct option_row rows[] = {
        {"ca-file", OPTION_TEXT, &given.ca_file, "FILE", "anchors; default: the ca sections", 0},
        {"crl", OPTION_TEXTS, &given.crls, "FILE", "revocation list, then required; repeatable", 0},
        {"untrusted", OPTION_TEXT, &given.untrusted, "FILE",
         "certificates that help to build a path", 0},
        {"policy", OPTION_TEXTS, &given.policies, "OID", "required certificate policy; repeatable",
         0},
        {"eku", OPTION_TEXT, &given.eku, "HOW", "as the ca option: strict (default), warn, ...", 0},
        {"at", OPTION_TIME, &at_s, "TIME", "as if it were then", 0},
    };
    AUTO(findings_clear) struct findings findings = {.ctl = ctl};
    AUTO(config_files_clear) struct config_files files = {.config = NULL};
    struct small_config small;
    struct option_arguments rest;
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 1, 1), argc, argv, &rest, &code))
        return code;
    if (!check_values(&given, &err))
        return ctl_error(&err);
    if (!given.ca_file)
        return verify_by_config(ctl, rest.at[0], at_s);
    findings.list = ctl->json ? json_array() : NULL;
    if (!trust_of_files(&small, &given, &findings, &files, &err))
        return ctl_error(&err);
    return verify_file(ctl, &files, rest.at[0], at_s);
}
