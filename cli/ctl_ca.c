/*
 * gatewayctl ca: init, issue, revoke, crl, list. Runs as the owner of the CA's directory; no daemon
 * and no configuration is involved.
 */
#include "cli/ca.h"
#include "cli/ctl_commands.h"

#include "common/clock.h"
#include "common/text.h"

#include <stdio.h>
#include <string.h>

enum {
    ROOT_DAYS = 3650,
    LEAF_DAYS = 365,
    CRL_DAYS = 7,
    DAY_S = 86400,
};

static bool check_days(int64_t days, struct error *err)
{
    if (days < 1 || days > CA_DAYS_MAX)
        return err_set(err, REASON_USAGE, "--days: 1 to %d", CA_DAYS_MAX);
    return true;
}

int ctl_ca_init(struct ctl *ctl, int argc, char **argv)
{
    const char *name = NULL, *key = "ec-p256";
    int64_t days = ROOT_DAYS;
    const struct option_row rows[] = {
        {"name", OPTION_TEXT, &name, "NAME", "common name of the CA (needed)", 0},
        {"key", OPTION_TEXT, &key, "TYPE", "ec-p256 (default), ec-p384, rsa-3072, ed25519", 0},
        {"days", OPTION_COUNT, &days, "N", "days that the CA is valid (3650)", 0},
    };
    struct option_arguments rest;
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 1, 1), argc, argv, &rest, &code))
        return code;
    if (!name)
        return err_set(&err, REASON_USAGE, "--name is needed"), ctl_error(&err);
    if (!check_days(days, &err) || !ca_init(rest.at[0], name, key, days, &err))
        return ctl_error(&err);
    if (ctl->json)
        ctl_print_json(
            json_pack("{s:s,s:s+}", "dir", rest.at[0], "certificate", rest.at[0], "/ca.pem"));
    else
        (void)printf("%s/ca.pem\n", rest.at[0]);
    return CTL_YES;
}

/* --- issue ------------------------------------------------------------------------------------ */

struct issue_options {
    struct ca_request request;
    bool client, server, no_eku;
    int64_t days, not_before_s, not_after_s; /* times: INT64_MIN when not given */
};

static bool choose_use(struct issue_options *options, struct error *err)
{
    if (options->client + options->server + options->no_eku > 1)
        return err_set(err, REASON_USAGE, "one of --client, --server, --no-eku");
    options->request.use = options->server ? CA_SERVER : options->no_eku ? CA_NO_EKU : CA_CLIENT;
    return true;
}

/* A certificate that is to have ended already began a day before that. */
static void choose_times(struct issue_options *options)
{
    struct ca_request *request = &options->request;
    int64_t now_s = clock_realtime_s();

    request->not_before_s = options->not_before_s;
    request->not_after_s = options->not_after_s;
    if (request->not_before_s == INT64_MIN)
        request->not_before_s = options->not_after_s != INT64_MIN && options->not_after_s <= now_s
                                    ? options->not_after_s - DAY_S
                                    : now_s;
    if (request->not_after_s == INT64_MIN)
        request->not_after_s = request->not_before_s + options->days * DAY_S;
}

/* Clients look at alternative names only (RFC 9525 6.3). */
static void default_names(struct ca_request *request)
{
    if (request->use != CA_SERVER || request->dns.n > 0 || request->ip.n > 0)
        return;
    request->dns.at[request->dns.n++] = request->cn;
    (void)fprintf(stderr, "warning: neither --dns nor --ip: clients will know it as %s only\n",
                  ctl_text(request->cn));
}

static int print_issued(const struct ctl *ctl, const struct ca_issued *issued)
{
    if (ctl->json) {
        ctl_print_json(json_pack("{s:s,s:s,s:s*}", "serial", issued->serial, "certificate",
                                 issued->certificate, "key", issued->key[0] ? issued->key : NULL));
        return CTL_YES;
    }
    (void)printf("%s\n", issued->certificate);
    if (issued->key[0])
        (void)printf("%s\n", issued->key);
    (void)printf("serial %s\n", issued->serial);
    return CTL_YES;
}

int ctl_ca_issue(struct ctl *ctl, int argc, char **argv)
{
    struct issue_options o = {.request = {.key_type = "ec-p256"},
                              .days = LEAF_DAYS,
                              .not_before_s = INT64_MIN,
                              .not_after_s = INT64_MIN};
    const struct option_row rows[] = {
        {"cn", OPTION_TEXT, &o.request.cn, "NAME", "common name of the subject (needed)", 0},
        {"email", OPTION_TEXTS, &o.request.email, "ADDRESS", "alternative name; repeatable", 0},
        {"dns", OPTION_TEXTS, &o.request.dns, "HOST", "alternative name; repeatable", 0},
        {"uri", OPTION_TEXTS, &o.request.uri, "URI", "alternative name; repeatable", 0},
        {"ip", OPTION_TEXTS, &o.request.ip, "ADDRESS", "alternative name; repeatable", 0},
        {"upn", OPTION_TEXTS, &o.request.upn, "USER@REALM", "user principal name; repeatable", 0},
        {"client", OPTION_FLAG, &o.client, NULL, "extended key usage clientAuth (default)", 0},
        {"server", OPTION_FLAG, &o.server, NULL, "extended key usage serverAuth", 0},
        {"no-eku", OPTION_FLAG, &o.no_eku, NULL, "no extended key usage", 0},
        {"key", OPTION_TEXT, &o.request.key_type, "TYPE", "as for ca init", 0},
        {"csr", OPTION_TEXT, &o.request.csr, "FILE", "certify the key of this request (PEM)", 0},
        {"days", OPTION_COUNT, &o.days, "N", "days that it is valid (365)", 0},
        {"not-before", OPTION_TIME, &o.not_before_s, "TIME", "when it begins (now)", 0},
        {"not-after", OPTION_TIME, &o.not_after_s, "TIME", "when it ends; instead of --days", 0},
        {"out", OPTION_TEXT, &o.request.out, "PREFIX", "write PREFIX.pem and PREFIX.key", 0},
    };
    AUTO(ca_close) struct ca ca = {.lock_fd = -1};
    struct option_arguments rest;
    struct ca_issued issued;
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 1, 1), argc, argv, &rest, &code))
        return code;
    if (!o.request.cn)
        return err_set(&err, REASON_USAGE, "--cn is needed"), ctl_error(&err);
    if (!choose_use(&o, &err) || !check_days(o.days, &err))
        return ctl_error(&err);
    choose_times(&o);
    default_names(&o.request);
    if (!ca_open(rest.at[0], &ca, &err) || !ca_issue(&ca, &o.request, &issued, &err))
        return ctl_error(&err);
    return print_issued(ctl, &issued);
}

/* --- revoke, crl, list ------------------------------------------------------------------------ */

int ctl_ca_revoke(struct ctl *ctl, int argc, char **argv)
{
    AUTO(ca_close) struct ca ca = {.lock_fd = -1};
    const struct ca_entry *entry;
    struct option_arguments rest;
    struct error err;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(2, 2), argc, argv, &rest, &code))
        return code;
    if (!ca_open(rest.at[0], &ca, &err))
        return ctl_error(&err);
    if (!ca_revoke(&ca, rest.at[1], &entry, &err))
        return err.reason == REASON_NOT_FOUND || err.reason == REASON_CERT_REVOKED
                   ? ctl_refusal(&err)
                   : ctl_error(&err);
    if (ctl->json)
        ctl_print_json(json_pack("{s:s,s:s,s:I}", "serial", entry->serial, "subject",
                                 entry->subject, "revoked", (json_int_t)entry->revoked_s));
    else
        (void)printf("revoked %s %s\n", entry->serial, ctl_text(entry->subject));
    (void)fprintf(stderr, "Nobody knows yet: publish a new list with gatewayctl ca crl.\n");
    return CTL_YES;
}

int ctl_ca_crl(struct ctl *ctl, int argc, char **argv)
{
    const char *out = NULL;
    int64_t days = CRL_DAYS;
    bool der = false;
    const struct option_row rows[] = {
        {"out", OPTION_TEXT, &out, "FILE", "where the list goes (needed); replaced as a whole", 0},
        {"days", OPTION_COUNT, &days, "N", "days until the next list is due (7)", 0},
        {"der", OPTION_FLAG, &der, NULL, "DER in place of PEM", 0},
    };
    AUTO(ca_close) struct ca ca = {.lock_fd = -1};
    struct option_arguments rest;
    struct error err;
    int code;

    if (!ctl_options(ctl, OPTION_SET(rows, 1, 1), argc, argv, &rest, &code))
        return code;
    if (!out)
        return err_set(&err, REASON_USAGE, "--out is needed"), ctl_error(&err);
    if (!check_days(days, &err) || !ca_open(rest.at[0], &ca, &err) ||
        !ca_crl(&ca, days, der, out, &err))
        return ctl_error(&err);
    if (ctl->json)
        ctl_print_json(
            json_pack("{s:s,s:I}", "crl", out, "number", (json_int_t)ca.index.crl_number));
    else
        (void)printf("%s\n", out);
    return CTL_YES;
}

static const char *state_of(const struct ca_entry *entry, int64_t now_s)
{
    if (entry->revoked_s > 0)
        return "revoked";
    return entry->not_after_s < now_s ? "expired" : "valid";
}

static json_t *list_json(const struct ca *ca, int64_t now_s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ca->index.n; i++) {
        const struct ca_entry *entry = &ca->index.entries[i];
        json_t *item =
            json_pack("{s:s,s:s,s:s,s:I}", "serial", entry->serial, "state", state_of(entry, now_s),
                      "subject", entry->subject, "not_after", (json_int_t)entry->not_after_s);

        if (entry->revoked_s > 0)
            json_object_set_new(item, "revoked", json_integer(entry->revoked_s));
        json_array_append_new(list, item);
    }
    return list;
}

int ctl_ca_list(struct ctl *ctl, int argc, char **argv)
{
    AUTO(ca_close) struct ca ca = {.lock_fd = -1};
    int64_t now_s = clock_realtime_s();
    struct option_arguments rest;
    struct error err;
    int code;

    if (!ctl_options(ctl, NO_OPTIONS(1, 1), argc, argv, &rest, &code))
        return code;
    if (!ca_open(rest.at[0], &ca, &err))
        return ctl_error(&err);
    if (ctl->json) {
        ctl_print_json(list_json(&ca, now_s));
        return CTL_YES;
    }
    for (size_t i = 0; i < ca.index.n; i++) {
        const struct ca_entry *entry = &ca.index.entries[i];
        char end[32];

        text_format_time_ms(entry->not_after_s * 1000, end);
        (void)printf("%s  %-7s  %.10s  %s\n", entry->serial, state_of(entry, now_s), end,
                     ctl_text(entry->subject));
    }
    return CTL_YES;
}
