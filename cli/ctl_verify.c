/*
 * gatewayctl verify: the gateway's own path validation on a certificate in a file. Offline; says
 * the reason and the TLS alert that a client would get.
 */
#include "cli/config_files.h"
#include "cli/ctl_commands.h"
#include "cli/files.h"

#include "common/clock.h"
#include "common/text.h"
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

static bool trust_of_files(struct small_config *small, const char *ca_file, const char *untrusted,
                           const struct option_texts *crls, struct findings *findings,
                           struct config_files *files, struct error *err)
{
    bool good;

    small->ca = (struct config_ca){.title = ca_file,
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

        if (good) {
            json_object_set_new(json, "ca", json_string(config->ca[result->ca].title));
            json_object_set_new(json, "not_after", json_integer(result->not_after_s));
            json_object_set_new(json, "revocation",
                                json_string(revocation_name(result->revocation)));
        }
        ctl_print_json(json);
    } else if (good) {
        (void)printf("%sok%s: ca %s, valid until %s, revocation %s\n", ctl_color(ctl, "green"),
                     ctl_color(ctl, "off"), config->ca[result->ca].title, end,
                     revocation_name(result->revocation));
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
    const char *ca_file = NULL, *untrusted = NULL;
    struct option_texts crls = {.n = 0};
    int64_t at_s = clock_realtime_s();
    const struct option_row rows[] = {
        {"ca-file", OPTION_TEXT, &ca_file, "FILE", "anchors; default: the ca sections", 0},
        {"crl", OPTION_TEXTS, &crls, "FILE", "revocation list, then required; repeatable", 0},
        {"untrusted", OPTION_TEXT, &untrusted, "FILE", "certificates that help to build a path", 0},
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
    if (!ca_file)
        return verify_by_config(ctl, rest.at[0], at_s);
    findings.list = ctl->json ? json_array() : NULL;
    if (!trust_of_files(&small, ca_file, untrusted, &crls, &findings, &files, &err))
        return ctl_error(&err);
    return verify_file(ctl, &files, rest.at[0], at_s);
}
