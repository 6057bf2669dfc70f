/*
 * Collects what checks find. Runs in gatewayctl.
 */
#include "cli/findings.h"

#include <stdio.h>

struct findings findings_begin(const struct ctl *ctl)
{
    return (struct findings){.ctl = ctl, .list = ctl->json ? json_array() : NULL};
}

void findings_clear(struct findings *findings)
{
    json_decref(findings->list);
    findings->list = NULL;
}

static void print(const struct findings *findings, const char *file, uint32_t line, bool warning,
                  const struct error *err)
{
    const char *color = ctl_color(findings->ctl, warning ? "bold" : "red");

    if (file && file[0] && line > 0)
        (void)printf("%s:%u: ", ctl_text(file), line);
    else if (file && file[0])
        (void)printf("%s: ", ctl_text(file));
    (void)printf("%s%s%s: %s: %s\n", color, warning ? "warning" : "error",
                 ctl_color(findings->ctl, "off"), reason_text(err->reason), ctl_text(err->detail));
}

void findings_add(struct findings *findings, const char *file, uint32_t line, bool warning,
                  const struct error *err)
{
    if (warning)
        findings->n_warnings++;
    else
        findings->n_errors++;
    if (findings->list)
        json_array_append_new(findings->list,
                              json_pack("{s:s,s:I,s:s,s:s,s:s}", "file", file ? ctl_text(file) : "",
                                        "line", (json_int_t)line, "severity",
                                        warning ? "warning" : "error", "reason",
                                        reason_name(err->reason), "detail", ctl_text(err->detail)));
    else
        print(findings, file, line, warning, err);
}

int findings_end(struct findings *findings, const char *good)
{
    if (findings->list)
        ctl_print_json(json_incref(findings->list));
    else if (findings->n_errors > 0)
        (void)printf("%s, %s\n", ctl_count(findings->n_errors, "error"),
                     ctl_count(findings->n_warnings, "warning"));
    else
        (void)printf("%sok%s: %s\n", ctl_color(findings->ctl, "green"),
                     ctl_color(findings->ctl, "off"), good);
    return findings->n_errors > 0 ? CTL_NO : CTL_YES;
}

static void config_found(void *context, const char *file, uint32_t line, const struct error *err)
{
    findings_add(context, file, line, false, err);
}

struct config_errors findings_of_config(struct findings *findings)
{
    return (struct config_errors){.found = config_found, .context = findings};
}

static void trust_found(void *context, const char *file, bool stops, const struct error *err)
{
    findings_add(context, file, 0, !stops, err);
}

struct trust_errors findings_of_trust(struct findings *findings)
{
    return (struct trust_errors){.found = trust_found, .context = findings};
}

struct policy_errors findings_of_policy(struct findings *findings)
{
    return (struct policy_errors){.found = config_found, .context = findings};
}
