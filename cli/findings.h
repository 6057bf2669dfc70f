#pragma once
/*
 * Findings: what a check has to say, each with file and line. All of them are collected; nothing
 * stops at the first. Printed as they come, or as one JSON array at the end.
 */
#include "cli/ctl.h"
#include "gatewayd/shared/trust_build.h"
#include "policy/policy.h"

struct findings {
    const struct ctl *ctl;
    size_t n_errors, n_warnings;
    json_t *list; /* only with --json */
};

struct findings findings_begin(const struct ctl *ctl);
void findings_clear(struct findings *findings);
/* line 0: lines mean nothing in that file. */
void findings_add(struct findings *findings, const char *file, uint32_t line, bool warning,
                  const struct error *err);
/* Prints the summary: CTL_YES without errors, else CTL_NO. */
int findings_end(struct findings *findings, const char *good);

/* The callbacks of those who find something. */
struct config_errors findings_of_config(struct findings *findings);
struct trust_errors findings_of_trust(struct findings *findings);
struct policy_errors findings_of_policy(struct findings *findings);
