#pragma once
/*
 * The compiled form of one mapping section, shared by what compiles it (mapping_rules.c), what it
 * is applied by (mapping.c) and what is asked of an account (mapping_checks.c); nobody else looks
 * inside.
 */
#include "gatewayd/decide/mapping.h"
#include "gatewayd/decide/mapping_find.h"
#include "gatewayd/decide/mapping_match.h"
#include "gatewayd/decide/mapping_strength.h"

struct mapping_ca {
    char *title;
    char *trust_domain; /* NULL: none is promised */
};

struct mapping_rule {
    char *title;
    struct mapping_ca *cas;
    size_t n_cas;
    struct mapping_match **matches;
    size_t n_matches;
    struct mapping_find *find; /* NULL: there is no account */
    struct mapping_find **confirms;
    size_t n_confirms;
    char **weak_policies, **weak_suffixes;
    size_t n_weak_policies, n_weak_suffixes;
    enum config_account account;
    enum config_subject subject;
    enum config_multi multi;
    enum config_else else_;
    bool weak_allowed;
    bool strong;
    bool by_spiffe; /* strong, but only while the SPIFFE id lies in the authority's trust domain */
};

struct mapping_set {
    struct mapping_rule *rules;
    size_t n_rules;
};

/* mapping_checks.c: whether the find of the rule is strong for this certificate. */
bool mapping_is_strong_for(const struct mapping_rule *rule, const struct mapping_request *request);
/*
 * What stands between the entry and its use, in this order: the security identifier, `confirm`, a
 * name that is not allowed to identify it. OK, or the reason with its detail.
 */
enum reason mapping_check_entry(const struct mapping_rule *rule,
                                const struct mapping_request *request,
                                const struct replica_entry *entry,
                                char ret_detail[ERROR_DETAIL_MAX]);
/* For weak rules: whether the certificate is old enough to mean this account. */
enum reason mapping_check_age(const struct mapping_request *request, const struct account *account,
                              char ret_detail[ERROR_DETAIL_MAX]);
